"""`darkroom data from-requests`, as its users run it."""

import json
import sys

import pytest

from tests.darkroom.command import darkroom
from tests.serving.gateway.pictures import GREEN, RED, noisy_jpeg
from tests.serving.prediction_log.logs import predict_log, write_log


@pytest.fixture
def log(tmp_path):
    return write_log(tmp_path / "served.tfrecord", *(predict_log([RED], [0.9]) for _ in range(120)))


def test_logs_become_a_folder_to_label(tmp_path, log):
    write_log(tmp_path / "b.tfrecord", predict_log([GREEN, noisy_jpeg()], [0.6, 0.55]))
    done = darkroom("data", "from-requests", tmp_path, "-o", tmp_path / "out", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["listed"] == 3
    assert "121 requests in 2 files: 122 images, 3 of them new" in done.stderr
    assert (tmp_path / "out" / "listing.csv").read_text().startswith("image,label,predicted_label")


def test_served_images_are_compared_with_a_baseline(tmp_path, log):
    other = write_log(tmp_path / "other.log", *(predict_log([noisy_jpeg()], [0.6]) for _ in range(120)))
    first = darkroom("data", "from-requests", log, "-o", tmp_path / "one")
    second = darkroom(
        *("data", "from-requests", other, "-o", tmp_path / "two", "--json"),
        *("--baseline", tmp_path / "one" / "statistics.json"),
    )

    assert (first.returncode, second.returncode) == (0, 0), second.stderr
    drift = {row["feature"]: row["psi"] for row in json.loads(second.stdout)["drift"]}
    assert drift["pixels"] > 0.25
    assert drift["predicted_class"] < 0.1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("nowhere",), "there is no such file"),
        (("empty",), "no finished shard"),
        (("picture.png",), "no TFRecord file"),
        (("served.tfrecord", "--baseline", "picture.png"), "is no JSON object"),
        (("served.tfrecord", "--baseline", "empty"), "name a model version's folder"),
        (("served.tfrecord", "--baseline", "old.json"), "stores no statistics"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, log, arguments, text, monkeypatch):
    from click.testing import CliRunner

    from darkroom.cli import cli
    from darkroom.errors import DataError

    (tmp_path / "empty").mkdir()
    (tmp_path / "picture.png").write_bytes(RED)
    (tmp_path / "old.json").write_text('{"format_version": 1, "labels": []}')
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["data", "from-requests", *arguments, "-o", "out"], standalone_mode=False)

    assert isinstance(done.exception, DataError)
    assert text in str(done.exception)


def test_reading_logs_needs_no_tensorflow(tmp_path, log):
    import subprocess

    code = (
        "import sys; from darkroom.cli import cli\n"
        f"cli.main(['data', 'from-requests', {str(log)!r}, '-o', {str(tmp_path / 'out')!r}], standalone_mode=False)\n"
        "assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
