import itertools

import pytest

from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError
from pipeline.models.own_code import find_own_code

NUMBERS = itertools.count()


@pytest.fixture
def configured(tmp_path):
    def make(source, name=None):
        # A module of this name must not have been imported before.
        name = name or f"own_code_{next(NUMBERS)}"
        (tmp_path / f"{name}.py").write_text(source)
        return DarkroomConfig.model_validate({"model": {"module": name}}).located_at(tmp_path)

    return make


def test_a_module_beside_the_configuration(configured):
    own = find_own_code(configured("def build_model(input_shapes, n_classes):\n    return n_classes + 1\n"))
    assert own.hooks == ("build_model",)
    assert own.hook("build_model")({}, 3) == 4
    assert own.hook("augment") is None


def test_no_module_is_no_own_code():
    assert find_own_code(DarkroomConfig()) is None


def test_a_module_in_a_package(configured, tmp_path):
    package = tmp_path / "own_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text("def callbacks(metric, greater_is_better):\n    return []\n")
    config = DarkroomConfig.model_validate({"model": {"module": "own_package.parts"}}).located_at(tmp_path)
    before = find_own_code(config)
    assert before.hooks == ("callbacks",)
    (package / "__init__.py").write_text("# changed\n")
    assert find_own_code(config).sha256 != before.sha256


def test_functions_that_serve_the_others_may_have_any_other_name(configured):
    source = (
        "from pipeline.models.network import build_network as build_models\n"
        "def _callback():\n    pass\n\ndef build_modle_parts():\n    pass\n\ndef transform(x):\n    pass\n\n"
        "def scores():\n    pass\n\ndef score(y_true, y_pred):\n    pass\n"
    )
    assert find_own_code(configured(source)).hooks == ("score",)


def test_two_folders_may_have_a_module_of_one_name(tmp_path):
    for folder, value in (("one", 1), ("two", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own_twice.py").write_text(
            f"def build_model(input_shapes, n_classes):\n    return {value}\n"
        )
    configs = [
        DarkroomConfig.model_validate({"model": {"module": "own_twice"}}).located_at(tmp_path / folder)
        for folder in ("one", "two", "one")
    ]
    assert [find_own_code(config).hook("build_model")({}, 0) for config in configs] == [1, 2, 1]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\n", r"defines none of build_model, compile_model"),
        (
            "def augment(image, label, seed):\n    pass\n\ndef callback(metric, greater_is_better):\n    pass\n",
            r"defines callback, which is never called\. Is it meant to be callbacks\?",
        ),
        ("def buildmodel(shapes, n):\n    pass\n", r"Is buildmodel meant to be build_model\?"),
        ("def build_model(n_classes):\n    pass\n", r"must take \(input_shapes, n_classes\), but is build_model\(n_cl"),
        ("import no_such_package\n", "imports no_such_package, which is not installed"),
        ("def (\n", "cannot be imported: SyntaxError"),
    ],
)
def test_mistakes_are_explained(configured, source, message):
    with pytest.raises(ConfigurationError, match=message):
        find_own_code(configured(source))


def test_a_module_that_does_not_exist(tmp_path):
    config = DarkroomConfig.model_validate({"model": {"module": "nowhere_at_all"}}).located_at(tmp_path)
    with pytest.raises(ConfigurationError, match="there is no Python module nowhere_at_all"):
        find_own_code(config)


def test_an_error_inside_tells_whose_it_is(configured):
    own = find_own_code(configured("def build_model(input_shapes, n_classes):\n    return 1 / 0\n"))
    with pytest.raises(ConfigurationError, match=r"own_code_\d+\.build_model failed: ZeroDivisionError"):
        own.hook("build_model")({}, 3)
