from pathlib import Path

import pytest

from darkroom.cli.model_server import command
from darkroom.errors import ConfigurationError
from serving.model_server.batching.settings import BatchingSettings
from serving.model_server.flags import Flags
from serving.model_server.repository import ModelRepository, fingerprint, resolve_name
from serving.model_server.settings import METRICS_PATH, ModelServerSettings, ModelSettings, VersionPolicy


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
        (lambda: ModelServerSettings(models=(ModelSettings("a", "x"),), port=None), "needs a port or a socket path"),
        (lambda: ModelServerSettings(models=(ModelSettings("a", "x"), ModelSettings("a", "y"))), "different names"),
        (lambda: ModelServerSettings(models=(ModelSettings("a", "x"),), inference_threads=0), "inference_threads"),
        (lambda: ModelServerSettings(models=(ModelSettings("a", "x"),), poll_seconds=-1), "poll_seconds"),
    ],
)
def test_wrong_settings_fail_when_built(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def parse(*words: str) -> ModelServerSettings:
    """The settings that a command line of `darkroom model-server` gives."""
    given = command.make_context("model-server", list(words)).params
    return Flags(**{name: given[name] for name in Flags.__slots__}).settings()


def test_flags_become_settings(tmp_path):
    (tmp_path / "batching").write_text("max_batch_size { value: 4 }")
    (tmp_path / "monitoring").write_text('prometheus_config { enable: true path: "/metrics" }')
    settings = parse(
        "--model_name=m",
        f"--model_base_path={tmp_path}",
        "--rest_api_timeout_in_ms=1500",
        "--enable_batching",
        f"--batching_parameters_file={tmp_path}/batching",
        f"--monitoring_config_file={tmp_path}/monitoring",
        "--grpc_channel_arguments=grpc.max_connection_age_ms=2000,grpc.name=x",
        "--num_request_iterations_for_warmup=3",
        "--enable_model_warmup=false",
        "--allow_version_labels_for_unavailable_models=true",
    )
    assert settings.models == (ModelSettings("m", tmp_path),)
    assert (settings.port, settings.rest_port, settings.rest_timeout_seconds) == (8500, 8501, 1.5)
    assert settings.batching == BatchingSettings(max_batch_size=4)
    assert settings.metrics_path == "/metrics"
    assert settings.grpc_channel_arguments == {"grpc.max_connection_age_ms": 2000, "grpc.name": "x"}
    assert (settings.enable_warmup, settings.warmup_iterations) == (False, 3)
    assert settings.allow_labels_for_unavailable


def test_metrics_are_on_unless_the_monitoring_file_says_otherwise(tmp_path):
    file = tmp_path / "monitoring"
    words = [f"--model_base_path={tmp_path}", f"--monitoring_config_file={file}"]
    assert parse(words[0]).metrics_path == METRICS_PATH
    file.write_text("prometheus_config { enable: false }")
    assert parse(*words).metrics_path is None
    file.write_text("prometheus_config { enable: true }")
    assert parse(*words).metrics_path == METRICS_PATH


def test_batching_without_a_file_has_tf_servings_defaults(tmp_path):
    batching = parse(f"--model_base_path={tmp_path}", "--enable_batching=true").batching
    assert (batching.max_batch_size, batching.batch_timeout_micros, batching.max_enqueued_batches) == (1000, 0, 10)
    assert batching.thread_pool_name == "model_server_batch_threads"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "give --model_base_path or --model_config_file"),
        ("--model_base_path=x --batching_parameters_file=x", "is set without --enable_batching"),
        ("--model_base_path=x --grpc_channel_arguments=a", "has 'a' where KEY=VALUE is wanted"),
        ("--model_config_file=absent", "Cannot read absent"),
        ("--model_base_path=x --ssl_config_file=absent", "Cannot read absent"),
    ],
)
def test_flags_that_do_not_fit_are_named(words, message):
    with pytest.raises(ConfigurationError, match=message):
        parse(*words.split())


def test_every_flag_is_documented():
    text = (Path(__file__).parents[3] / "docs" / "model-server.md").read_text()
    flags = {option for parameter in command.params for option in parameter.opts if "_" not in option}
    assert {flag for flag in flags if f"`{flag}`" not in text} == set()
