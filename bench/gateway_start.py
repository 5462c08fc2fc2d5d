"""How long the gateway takes to start, and how large it is.

    python bench/gateway_start.py [--repository DIR --model-name NAME] [--runs 5]

Starts `darkroom serve` several times (the embedded model server with it), and measures from exec to the first answer
of /livez and to the `listening` line. The last start waits until the model is ready, sends images, and reads the
resident size of the gateway's process. Prints a table and writes bench/results/gateway_start.json.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import queue
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from PIL import Image
from support.results import ROOT, write_results

REQUESTS = 200
LIMITS = {"livez_seconds": 2.0, "resident_megabytes": 120.0}


class Start:
    """One `darkroom serve`, with the times of what it did."""

    def __init__(self, repository: Path, model_name: str, log: Path) -> None:
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "darkroom.cli", "serve", str(repository), "--model-name", model_name),
                *("--rest-port", "0", "--grpc-port", "0", "--model-server-log", str(log)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        self.events: queue.Queue[tuple[float, dict[str, Any]]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        at, event = self.events.get(timeout=60)
        self.port = event["rest_port"]
        self.listening_seconds = at - self.started
        status = self.request("GET", "/livez")
        self.livez_seconds = time.monotonic() - self.started
        if status != 200:
            raise RuntimeError(f"/livez answered {status}")

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.events.put((time.monotonic(), json.loads(line)))

    def ready_seconds(self) -> float:
        """From exec to a model that answers."""
        return self.events.get(timeout=180)[0] - self.started

    def request(self, method: str, path: str, body: bytes | None = None) -> int:
        """Send one request; returns its status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, {"content-type": "image/jpeg"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    def memory_megabytes(self, field: str) -> float:
        """`VmRSS` (now) or `VmHWM` (the peak) of the gateway's process."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"no {field} in /proc")

    def has_tensorflow(self) -> bool:
        """Whether any of TensorFlow's libraries is mapped into the process."""
        return "tensorflow" in Path(f"/proc/{self.process.pid}/maps").read_text()

    def stop(self) -> int:
        """Drain it; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def jpeg() -> bytes:
    data = io.BytesIO()
    Image.effect_noise((640, 427), 60).convert("RGB").save(data, "JPEG", quality=85)
    return data.getvalue()


def measure(repository: Path, model_name: str, runs: int, log: Path) -> dict[str, Any]:
    starts = []
    for number in range(runs):
        start = Start(repository, model_name, log)
        found = {"listening_seconds": start.listening_seconds, "livez_seconds": start.livez_seconds}
        if number == runs - 1:
            found["ready_seconds"] = start.ready_seconds()
            found["resident_megabytes_at_rest"] = start.memory_megabytes("VmRSS")
            image = jpeg()
            statuses = {start.request("POST", f"/v1/models/{model_name}:predict", image) for _ in range(REQUESTS)}
            if statuses != {200}:
                raise RuntimeError(f"requests answered {statuses}")
            found["request_bytes"] = len(image)
            found["resident_megabytes"] = start.memory_megabytes("VmRSS")
            found["peak_megabytes"] = start.memory_megabytes("VmHWM")
            found["tensorflow_loaded"] = start.has_tensorflow()
        found["exit_code"] = start.stop()
        starts.append(found)
    last = starts[-1]
    return {
        "listening_seconds": statistics.median(start["listening_seconds"] for start in starts),
        "livez_seconds": statistics.median(start["livez_seconds"] for start in starts),
        "slowest_livez_seconds": max(start["livez_seconds"] for start in starts),
        **{key: last[key] for key in last if key not in {"listening_seconds", "livez_seconds", "exit_code"}},
        "exit_codes": sorted({start["exit_code"] for start in starts}),
        "runs": runs,
        "requests": REQUESTS,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures how the gateway starts and how large it is.")
    parser.add_argument("--repository", type=Path, help="a model repository; without it a tiny model is made")
    parser.add_argument("--model-name", default="pets")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        repository = options.repository
        if repository is None:
            repository = Path(folder) / "models"
            print("Making a tiny model …", file=sys.stderr)
            subprocess.run(
                [sys.executable, "-m", "tests.serving.models", "darkroom", str(repository / options.model_name / "1")],
                check=True,
                capture_output=True,
                cwd=ROOT,
            )
        found = measure(repository, options.model_name, options.runs, Path(folder) / "model-server.log")
    for name, value in found.items():
        limit = f"   (at most {LIMITS[name]:g})" if name in LIMITS else ""
        print(f"{name:28} {value if not isinstance(value, float) else f'{value:.2f}'}{limit}")
    write_results("gateway_start", found)
    missed = [name for name, limit in LIMITS.items() if found[name] > limit]
    if found["tensorflow_loaded"]:
        missed.append("tensorflow_loaded")
    if missed:
        print(f"Missed: {', '.join(missed)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
