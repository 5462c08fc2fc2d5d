"""Reading darkroom.yaml: every mistake is answered with where, what, and what would be right."""

import pytest

from darkroom.configuration import load_configuration
from darkroom.configuration.load import _shown
from darkroom.errors import ConfigurationError


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "darkroom.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def error_of(path, overrides=()):
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(path, overrides)
    return str(caught.value).replace(f"{path}:", "FILE:").replace(str(path), "FILE")


def test_an_empty_file_is_all_defaults(written):
    config = load_configuration(written(""))
    assert config.model.name == "model"
    assert config.training.epochs == 30


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training:\n  epoch: 5\n", "FILE:2: training.epoch: unknown key; did you mean training.epochs?"),
        ("trainign:\n  epochs: 5\n", "FILE:1: trainign: unknown key; did you mean training?"),
        # Right name, wrong section.
        (
            "model:\n  learning_rate: 1\n",
            "FILE:2: model.learning_rate: unknown key; did you mean training.learning_rate?",
        ),
        (
            "push:\n  zzz: 1\n",
            "FILE:2: push.zzz: unknown key; known keys here: allow_label_change, keep_previous, "
            "load_seconds, model_servers, model_servers_tls, repository, served_path",
        ),
        (
            "training:\n  early_stopping:\n    patiens: 5\n",
            "FILE:3: training.early_stopping.patiens: unknown key; did you mean training.early_stopping.patience?",
        ),
        (
            "training:\n  epochs: many\n",
            "FILE:2: training.epochs: input should be a valid integer, unable to parse string as an integer, "
            "found 'many'",
        ),
        ("training:\n  epochs: 0\n", "FILE:2: training.epochs: input should be greater than or equal to 1, found 0"),
        (
            "preprocessing:\n  mode: squash\n",
            "FILE:2: preprocessing.mode: input should be 'pad', 'stretch' or 'center_crop', found 'squash'",
        ),
        (
            "training: 5\n",
            "FILE:1: training: input should be a valid dictionary or instance of TrainingSection, found 5",
        ),
    ],
)
def test_a_wrong_key_or_value_says_where_what_and_what_is_right(written, text, message):
    assert error_of(written(text)) == message


def test_every_problem_has_a_line(written):
    text = "training:\n  epochs: 0\n  batch: 1\nmodel:\n  name: '../x'\n"
    lines = error_of(written(text)).splitlines()
    assert sorted(line.split(":")[1] for line in lines) == ["2", "3", "5"]


def test_a_rule_over_several_keys_names_their_section(written):
    message = error_of(written("data:\n  splits:\n    eval: 0.5\n    test: 0.5\n"))
    assert message.startswith("FILE:2: data.splits: eval 0.5 and test 0.5 together leave less than 5 %")


def test_a_key_given_twice_is_an_error_and_not_the_last_one(written):
    message = error_of(written("training:\n  epochs: 5\n  epochs: 6\n"))
    assert message == "FILE:3: training.epochs: given twice, first in line 2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training: [1\n", "FILE:2: not valid YAML"),
        ("- a\n- b\n", "FILE: must be a mapping of sections, but is a list"),
        ("training:\n\tepochs: 5\n", "FILE:2: not valid YAML"),
    ],
)
def test_what_is_no_mapping_in_yaml_is_told(written, text, message):
    assert error_of(written(text)).startswith(message)


def test_a_missing_file_says_how_to_get_one(tmp_path):
    assert "darkroom init IMAGES" in error_of(tmp_path / "darkroom.yaml")


def test_a_file_that_is_no_text_is_told(tmp_path):
    (tmp_path / "darkroom.yaml").write_bytes(b"\xff\xfe\x00")
    assert error_of(tmp_path / "darkroom.yaml").startswith("FILE cannot be read")


def test_overrides_win_and_are_read_as_yaml(written):
    path = written("training:\n  epochs: 5\n")
    config = load_configuration(
        path, ["training.epochs=7", "model.small_cnn.filters=[4, 8]", "training.early_stopping=null"]
    )
    assert config.training.epochs == 7
    assert config.model.small_cnn.filters == (4, 8)
    assert config.training.early_stopping is None


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=7", "--set training.epoch=7: training.epoch: unknown key; did you mean training.epochs?"),
        ("training.epochs", "--set training.epochs: must read section.key=value, such as training.epochs=5"),
        ("training.epochs=[", "--set training.epochs=[: the value is not valid YAML"),
        ("training.epochs.x=1", "--set training.epochs.x=1: epochs is a value, not a section"),
    ],
)
def test_a_wrong_override_names_itself(written, override, message):
    assert error_of(written("training:\n  epochs: 5\n"), [override]).startswith(message)


def test_relative_paths_start_at_the_file(written, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    config = load_configuration(written("data:\n  images: photos\npush:\n  repository: /srv/models\n"))
    assert config.images_path == str(tmp_path / "photos")
    assert config.repository_path == "/srv/models"
    assert config.pipeline_root == str(tmp_path / ".darkroom")


def test_urls_stay_as_they_are(written):
    assert load_configuration(written("data:\n  images: gs://bucket/images\n")).images_path == "gs://bucket/images"


@pytest.mark.parametrize(
    "override", ["serving.authentication.password=hunter2", "serving.api_key=[hunter2", "tuning={}"]
)
def test_a_secret_is_never_shown(tmp_path, override):
    path = tmp_path / "darkroom.yaml"
    path.write_text("serving: {authentication: {jwt: {token: hunter2}}, backends: 'x://me:hunter2@host'}\n")
    with pytest.raises(ConfigurationError) as failure:
        load_configuration(path, [override])
    assert "hunter2" not in str(failure.value)


def test_a_secret_of_the_right_name_and_wrong_type_is_never_shown():
    for location in (("metadata", "password"), ("serving", "authentication", "api_key"), ("token", 0)):
        assert "hunter2" not in _shown(location, "hunter2")
    for location in (("serving", "tls", "key_file"), ("authentication", "api_keys_file"), ("training", "epochs")):
        assert "hunter2" in _shown(location, "hunter2")
