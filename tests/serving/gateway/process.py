"""`darkroom serve` as a process of its own."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx


class ServeProcess:
    """Started on entry (returns when it listens), ended by its own id on exit."""

    def __init__(self, arguments: Sequence[str], *, stderr_path: Path, cwd: Path | None = None) -> None:
        self._arguments = list(arguments)
        self.stderr_path = stderr_path
        self._cwd = cwd
        self._lines: queue.Queue[str] = queue.Queue()
        self.at_listening: tuple[int, int] = (0, 0)

    def __enter__(self) -> Self:
        started = time.monotonic()
        with self.stderr_path.open("wb") as stderr:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "darkroom.cli", "serve", "--rest-port", "0", "--grpc-port", "0"),
                    *self._arguments,
                ],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                cwd=self._cwd,
            )
        threading.Thread(target=self._read, daemon=True).start()
        try:
            event = self.next_event("listening", 30)
            self.seconds_to_listening = time.monotonic() - started
            self.rest = f"127.0.0.1:{event['rest_port']}"
            self.grpc = f"127.0.0.1:{event['grpc_port']}"
            self.url = f"http://{self.rest}"
            self.at_listening = (self.get("/livez").status_code, self.get("/readyz").status_code)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def next_event(self, name: str, seconds: float) -> dict[str, Any]:
        try:
            event = json.loads(self._lines.get(timeout=seconds))
        except queue.Empty:
            raise AssertionError(f"no {name} event in {seconds} s; stderr:\n{self.stderr_path.read_text()}") from None
        assert event["event"] == name, event
        return event

    def wait_until_ready(self) -> dict[str, Any]:
        self.ready_event = self.next_event("ready", 90)
        return self.ready_event

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=10, verify=False)

    def predict(self, image: bytes, query: str = "", **options: Any) -> httpx.Response:
        headers = {"content-type": "image/jpeg", **options.pop("headers", {})}
        return httpx.post(
            f"{self.url}/v1/models/pets:predict{query}",
            content=image,
            headers=headers,
            timeout=30,
            verify=False,
            **options,
        )

    def status(self) -> dict[str, str]:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}

    def children(self) -> list[int]:
        """Ids of the gateway's child processes: the embedded model server."""
        found: list[int] = []
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        return self.process.returncode
