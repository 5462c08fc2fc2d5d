"""A model server in a process of its own, with one version of one model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc

from serving.protos import get_model_status_pb2, model_service_pb2_grpc

TENSORFLOW_MODEL_SERVER = "tensorflow_model_server"
EMBEDDED = "the embedded model server"

# What is shown of a server's own messages.
_LAST_LINES = 5
_POLL_SECONDS = 0.05
_STOP_SECONDS = 20.0


class ServerFailedError(Exception):
    """The server ended, or could not load the model; the message says why."""


class ServerProcess:
    """Starts on entry, without waiting; ended by its own process id on exit.

    Attributes:
        kind: which server it is, for people.
        grpc_address, rest_address: where it answers, once `wait_until_available` has returned.
    """

    def __init__(self, model_name: str, base_path: Path, log_path: Path) -> None:
        """Nothing runs yet.

        Args:
            model_name: what it is asked for.
            base_path: the folder with the version's folder.
            log_path: for its messages.
        """
        self._model_name = model_name
        self._base_path = base_path
        self._log_path = log_path
        self._executable = shutil.which(TENSORFLOW_MODEL_SERVER)
        self.kind = TENSORFLOW_MODEL_SERVER if self._executable is not None else EMBEDDED
        self.grpc_address = self.rest_address = ""
        self._started = 0.0

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        ports = (_free_port(), _free_port())
        command = self._command(*ports)
        with self._log_path.open("ab") as log:
            # Its own session: Ctrl-C in a terminal ends the run, which ends the server.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        if self._executable is not None:
            self._listens_on(*ports)
        self._reading = threading.Thread(target=self._read_output, daemon=True)
        self._reading.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._reading.join()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def wait_until_available(self, seconds: float) -> float:
        """Returns how long it took from the start until the model answers requests, in seconds.

        Raises:
            ServerFailedError: the server ended or could not load the model.
            TimeoutError: it took longer than `seconds`.
        """
        end = self._started + seconds
        while not self.grpc_address:
            self._check(end, "listen")
            time.sleep(_POLL_SECONDS)
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self._model_name
        states = get_model_status_pb2.ModelVersionStatus
        with grpc.insecure_channel(self.grpc_address) as channel:
            stub = model_service_pb2_grpc.ModelServiceStub(channel)
            while True:
                try:
                    [status] = stub.GetModelStatus(request, timeout=10).model_version_status
                except (grpc.RpcError, ValueError):  # not listening yet, or the model has not been looked at
                    pass
                else:
                    if status.state == states.AVAILABLE:
                        return time.monotonic() - self._started
                    if status.state == states.END:
                        raise ServerFailedError(status.status.error_message or self.last_words())
                self._check(end, "load the model")
                time.sleep(_POLL_SECONDS)

    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def peak_bytes(self) -> int | None:
        """The most memory that the process has had so far (VmHWM); None where the system does not tell (not Linux)."""
        # Not getrusage: what it says of a child begins with the memory of its parent.
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        except OSError:
            return None
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")] or [""]
        return int(line.split()[1]) * 1024 if line else None

    def last_words(self) -> str:
        """The end of its messages."""
        lines = self._log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return " | ".join(lines[-_LAST_LINES:]) or "it said nothing"

    def _check(self, end: float, what: str) -> None:
        if not self.is_alive():
            raise ServerFailedError(f"{self.kind} ended with exit code {self._process.returncode}: {self.last_words()}")
        if time.monotonic() > end:
            raise TimeoutError(f"{self.kind} did not {what} in time")

    def _command(self, grpc_port: int, rest_port: int) -> list[str]:
        if self._executable is not None:
            return [
                self._executable,
                f"--port={grpc_port}",
                f"--rest_api_port={rest_port}",
                f"--model_name={self._model_name}",
                f"--model_base_path={self._base_path}",
            ]
        return [
            *(sys.executable, "-m", "darkroom.cli", "model-server"),
            *("--port", "0", "--rest-api-port", "0"),
            *("--model-name", self._model_name, "--model-base-path", str(self._base_path)),
            "--exit-with-parent",
        ]

    def _read_output(self) -> None:
        """Learns the embedded server's ports, and keeps the pipe empty."""
        for line in self._process.stdout or ():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and event.get("event") == "listening":
                self._listens_on(event["grpc_port"], event["rest_port"])

    def _listens_on(self, grpc_port: int, rest_port: int) -> None:
        self.rest_address, self.grpc_address = f"127.0.0.1:{rest_port}", f"127.0.0.1:{grpc_port}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stage(model: Path, version_folder: Path) -> None:
    """Puts a model where a server looks for versions, without copying it where the file system can link."""

    def link(source: str, target: str) -> None:
        try:
            os.link(source, target)
        except OSError:  # another file system
            shutil.copy2(source, target)

    shutil.copytree(model, version_folder, copy_function=link)
