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


@pytest.fixture
def folder(tmp_path):
    """Sixty images in two folders, one of them refused."""
    for index in range(60):
        path = tmp_path / "pictures" / ("red" if index % 2 else "green") / f"{index:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(RED if index % 2 else GREEN)
    (tmp_path / "pictures" / "red" / "31.png").write_text("not an image")
    return tmp_path


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_a_folder_becomes_a_csv_file(served, folder, protocol):
    address = served.rest if protocol == "rest" else served.grpc
    done = predict(folder, "pictures", "--address", address, "--protocol", protocol, "-o", "out.csv")

    rows = list(csv.DictReader((folder / "out.csv").open(newline="")))
    assert (done.returncode, done.stdout) == (1, "")
    assert len(rows) == 60
    assert {row["label"] for row in rows if "green" in row["image"]} == {"dog"}
    assert [row["image"] for row in rows if row["reason"] == "unknown_format"] == ["pictures/red/31.png"]
    assert "60 of 60 images" in done.stderr
    assert "1 of 60 images failed" in done.stderr


def test_a_second_call_goes_on_where_the_file_ends(served, folder):
    predict(folder, "pictures/green", "--address", served.rest, "-o", "out.jsonl")
    whole = (folder / "out.jsonl").read_text()
    (folder / "out.jsonl").write_text(whole[: len(whole) // 2])
    done = predict(folder, "pictures", "--address", served.rest, "-o", "out.jsonl")

    names = [json.loads(line)["image"] for line in (folder / "out.jsonl").read_text().splitlines()]
    assert sorted(names) == sorted(str(path.relative_to(folder)) for path in (folder / "pictures").rglob("*.png"))
    assert "are left" in done.stderr
    again = predict(folder, "pictures", "--address", served.rest, "-o", "out.jsonl")
    assert (again.returncode, "0 are left" in again.stderr) == (0, True)


def test_without_a_gateway_nothing_is_written_and_the_advice_is_to_go_on(folder):
    done = predict(folder, "pictures", "--address", "127.0.0.1:1", "-o", "out.jsonl", "--attempts", "1")

    assert done.returncode == 1
    assert (folder / "out.jsonl").read_text() == ""
    assert "goes on from there" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-o", "out.txt"], ".csv or .jsonl"),
        (["-o", "out.csv", "--format", "table"], ".csv or .jsonl"),
        (["-o", "missing/out.csv"], "missing"),
        (["--tls-cert", "pictures/red/01.png"], "key_file"),
    ],
)
def test_wrong_options_say_what(folder, arguments, text):
    done = predict(folder, "pictures", *arguments)

    assert (done.returncode, text in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


def test_the_api_key_comes_from_a_file_or_the_environment_not_from_the_help():
    done = subprocess.run(
        [sys.executable, "-m", "darkroom.cli", "predict", "--help"], capture_output=True, text=True, check=True
    )

    assert "DARKROOM_API_KEY" in done.stdout
    assert "--api-key " not in done.stdout
