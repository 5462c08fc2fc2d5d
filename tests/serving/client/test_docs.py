"""docs/client.md says what is true."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving.gateway.pictures import RED, picture

pytest_plugins = ("tests.serving.gateway.fixtures",)

TEXT = (Path(__file__).parents[3] / "docs" / "client.md").read_text()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cat.png").write_bytes(RED)
    (tmp_path / "dog.jpg").write_bytes(picture((5, 250, 5), "JPEG"))
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "cat.png").write_bytes(RED)
    return tmp_path


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_the_python_examples_work(served, folder):
    printed = []
    for code in blocks("python"):
        adapted = code.replace("127.0.0.1:8080", served.rest)
        done = subprocess.run([sys.executable, "-c", adapted], cwd=folder, capture_output=True, text=True, check=True)
        printed.append(done.stdout)

    assert printed[0].startswith("cat 0.9")
    assert printed[1] == "['cat', 'dog']\n"


def test_the_command_works(served, folder):
    (command,) = blocks("bash")
    arguments = [*shlex.split(command)[1:], "--address", served.rest]
    subprocess.run([sys.executable, "-m", "darkroom.cli", *arguments], cwd=folder, capture_output=True, check=True)

    assert "pictures/cat.png,cat," in (folder / "predictions.csv").read_text()
