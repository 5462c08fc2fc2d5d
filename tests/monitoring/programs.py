"""Prometheus' own programs, from Debian's packages; loaded by `pytest_plugins`."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.serving.gateway.running import eventually


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def listening(program: str, arguments: list[str], log: Path, ready: str) -> Iterator[str]:
    """A program of Prometheus' family, which listens on a port that it is given; yields its URL."""
    address = f"127.0.0.1:{_free_port()}"
    with log.open("wb") as output:
        process = subprocess.Popen([program, f"--web.listen-address={address}", *arguments], stderr=output)
    try:
        eventually(lambda: _answers(f"http://{address}{ready}"), 30)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def pushgateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Pushgateway's URL."""
    if shutil.which("prometheus-pushgateway") is None:
        pytest.skip("prometheus-pushgateway is missing: install Debian's package of that name")
    folder = tmp_path_factory.mktemp("pushgateway")
    # Debian's keeps what it holds in /var/lib otherwise.
    arguments = [f"--persistence.file={folder / 'held'}"]
    with listening("prometheus-pushgateway", arguments, folder / "log", "/-/ready") as url:
        yield url
