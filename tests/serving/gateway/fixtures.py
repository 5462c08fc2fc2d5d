"""Fixtures of the gateway, the client and their commands; loaded by `pytest_plugins` so that one set serves all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.gateway.fake_backend import FakeBackend
from tests.serving.gateway.process import ServeProcess


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model repository with pets/1: classes cat (for red images) and dog (for green ones)."""
    base = tmp_path_factory.mktemp("repository")
    subprocess.run(
        [sys.executable, "-m", "tests.serving.models", "darkroom", str(base / "pets" / "1")],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return base


@pytest.fixture(scope="session")
def served(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """`darkroom serve` on the repository, ready."""
    folder = tmp_path_factory.mktemp("serve")
    process = ServeProcess(
        [str(repository), "--model-server-log", str(folder / "model-server.log")], stderr_path=folder / "stderr"
    )
    with process:
        process.wait_until_ready()
        yield process


@pytest.fixture
def backend() -> Iterator[FakeBackend]:
    """A scripted model server."""
    with FakeBackend() as fake:
        yield fake
