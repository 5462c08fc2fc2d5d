import pytest

from darkroom.errors import ConfigurationError
from serving.model_server.repository import ModelRepository, fingerprint, resolve_name
from serving.model_server.settings import ModelServerSettings, ModelSettings, VersionPolicy


def version(folder, number) -> None:
    path = folder / str(number)
    path.mkdir(parents=True)
    (path / "saved_model.pb").write_bytes(b"x")


def test_versions_lie_in_the_folder_or_in_the_models_own_below(tmp_path):
    version(tmp_path / "flat", 3)
    assert set(ModelRepository("m", tmp_path / "flat").versions()) == {3}
    version(tmp_path / "nested" / "m", 4)
    assert set(ModelRepository("m", tmp_path / "nested").versions()) == {4}
    assert ModelRepository("other", tmp_path / "nested").versions() == {}
    assert ModelRepository("m", tmp_path / "absent").versions() == {}


def test_the_name_is_default_as_in_tf_serving_or_that_of_the_only_model(tmp_path):
    assert resolve_name(tmp_path / "absent", None) == "default"
    assert resolve_name(tmp_path, None) == "default"
    version(tmp_path / "pets", 1)
    (tmp_path / "logs").mkdir()
    assert resolve_name(tmp_path, None) == "pets"
    assert resolve_name(tmp_path, "given") == "given"
    assert resolve_name(tmp_path / "pets", None) == "default"
    version(tmp_path / "cars", 1)
    with pytest.raises(ConfigurationError, match=r"holds 2 models \(cars, pets\); choose one with --model-name"):
        resolve_name(tmp_path, None)


def test_the_fingerprint_changes_with_the_files(tmp_path):
    version(tmp_path, 1)
    first = fingerprint(tmp_path / "1")
    assert fingerprint(tmp_path / "1") == first
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"xy")
    assert fingerprint(tmp_path / "1") != first


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: VersionPolicy("latest", 0), "count of at least 1"),
        (lambda: VersionPolicy("specific"), "at least one version"),
        (lambda: ModelServerSettings(models=()), "different names"),
        (lambda: ModelServerSettings(models=(ModelSettings("a", "x"), ModelSettings("a", "y"))), "different names"),
        (lambda: ModelServerSettings(models=(ModelSettings("a", "x"),), inference_threads=0), "inference_threads"),
        (lambda: ModelServerSettings(models=(ModelSettings("a", "x"),), poll_seconds=-1), "poll_seconds"),
    ],
)
def test_wrong_settings_fail_when_built(make, words):
    with pytest.raises(ValueError, match=words):
        make()
