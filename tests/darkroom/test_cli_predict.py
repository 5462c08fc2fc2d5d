"""`darkroom predict` against a real gateway."""

import csv
import io
import json
import socket
import subprocess
import sys

import pytest

from tests.serving.gateway.pictures import GREEN, RED

pytest_plugins = ("tests.serving.gateway.fixtures",)


@pytest.fixture
def images(tmp_path):
    (tmp_path / "red.png").write_bytes(RED)
    (tmp_path / "green.png").write_bytes(GREEN)
    (tmp_path / "text.jpg").write_text("not an image")
    return tmp_path


def predict(images, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "darkroom.cli", "predict", *arguments],
        cwd=images,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_table_shows_label_confidence_model_and_preprocessing(served, images, protocol):
    address = served.rest if protocol == "rest" else served.grpc
    done = predict(images, "red.png", "green.png", "--address", address, "--protocol", protocol, "--top-k", "1")

    assert done.returncode == 0, done.stderr
    header, red, green = (line.split() for line in done.stdout.splitlines())
    assert header == ["image", "label", "confidence", "model", "preprocessing"]
    assert (red[0], red[1], red[3]) == ("red.png", "cat", "pets/1")
    assert (green[0], green[1]) == ("green.png", "dog")
    assert red[4].startswith("1-")


def test_a_refused_image_is_named_on_stderr_and_costs_no_other(served, images):
    done = predict(images, "text.jpg", "missing.png", "red.png", "--address", served.rest, "--format", "jsonl")

    first, second, third = (json.loads(line) for line in done.stdout.splitlines())
    assert done.returncode == 1
    assert (first["image"], first["reason"]) == ("text.jpg", "unknown_format")
    assert "can't be read" in second["error"]
    assert third["label"] == "cat"
    assert "text.jpg: refused, unknown_format" in done.stderr
    assert "2 of 3 images failed" in done.stderr


def test_json_is_one_document(served, images):
    done = predict(images, "red.png", "green.png", "--address", served.rest, "--format", "json")

    assert [item["label"] for item in json.loads(done.stdout)] == ["cat", "dog"]


def test_csv_has_a_row_for_each_image(served, images):
    done = predict(images, "red.png", "text.jpg", "--address", served.rest, "--format", "csv")

    red, text = csv.DictReader(io.StringIO(done.stdout))
    assert (red["image"], red["label"], red["version"], red["error"]) == ("red.png", "cat", "1", "")
    assert (text["label"], text["reason"]) == ("", "unknown_format")


def test_no_gateway_ends_with_one_clear_line(images):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        done = predict(images, "red.png", "green.png", "--address", address)

    assert (done.returncode, done.stdout) == (1, "")
    assert address in done.stderr
    assert len(done.stderr.splitlines()) == 1
