"""A MariaDB server for the tests; loaded by `pytest_plugins`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.serving.gateway.running import eventually


@dataclass(frozen=True, slots=True)
class Database:
    """Where the server listens on 127.0.0.1, and its socket, on which root needs no password.

    A socket's path may have 107 bytes, which one in a folder of pytest's may exceed.
    """

    port: int
    socket: Path
    name: str = "darkroom"
    user: str = "darkroom"
    password: str = "pass word'\"\\"

    def run(self, statements: str) -> str:
        """Runs SQL as root."""
        command = [
            "mariadb",
            "--no-defaults",
            f"--socket={self.socket}",
            "--user=root",
            "--batch",
            "--skip-column-names",
        ]
        return subprocess.run(command, input=statements, capture_output=True, text=True, check=True, timeout=60).stdout


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _answers(database: Database) -> bool:
    try:
        return database.run("select 1;") == "1\n"
    except subprocess.CalledProcessError:
        return False


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An empty database, and a user who owns it."""
    # Debian keeps it where only root's PATH looks.
    server = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if server is None or shutil.which("mariadb-install-db") is None:
        pytest.skip("mariadbd is missing: install Debian's package mariadb-server")
    folder = tmp_path_factory.mktemp("mariadb")
    data, log = folder / "data", folder / "log"
    made = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"]
    subprocess.run([*made, "--skip-test-db"], check=True, capture_output=True, timeout=120)
    database = Database(_free_port(), Path(tempfile.mkdtemp(prefix="mariadb")) / "socket")
    options = [f"--datadir={data}", f"--socket={database.socket}", f"--port={database.port}", "--user=root"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                "/usr/sbin/mariadbd",
                "--no-defaults",
                *options,
                "--bind-address=127.0.0.1",
                "--innodb-buffer-pool-size=32M",
            ],
            stdout=output,
            stderr=output,
        )
    try:
        eventually(lambda: _answers(database), 60)
        secret = database.password.replace("\\", "\\\\").replace("'", "\\'")
        database.run(
            f"create database {database.name}; create user '{database.user}'@'%' identified by '{secret}'; "
            f"grant all on {database.name}.* to '{database.user}'@'%';"
        )
        yield database
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(database.socket.parent)
