"""What watching requests costs them: latency of one gRPC client with drift, the prediction log and traces on or off.

    python bench/observing.py [--requests 400] [--rounds 5]

A gateway and a stand-in for TF Serving run in this process; the client sends one 100 kB JPEG after the other. Every
variant has a gateway of its own, and the variants take turns, so that what else the machine does falls on all alike.
Prints a table of milliseconds and writes bench/results/observing.json.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import grpc
from PIL import Image
from support.results import ROOT, write_results

sys.path.insert(0, str(ROOT))

from serving import tensors
from serving.protos import predict_pb2, prediction_service_pb2_grpc
from tests.serving.gateway.fake_backend import FakeBackend
from tests.serving.gateway.running import running_gateway


def jpeg() -> bytes:
    data = io.BytesIO()
    Image.effect_noise((640, 427), 60).convert("RGB").save(data, "JPEG", quality=85)
    return data.getvalue()


def variants(folder: Path) -> dict[str, dict[str, Any]]:
    off = {"drift": {"enabled": False}}
    log = {"folder": str(folder / "plain"), "sample_rate": 1}
    return {
        "nothing": off,
        "drift (the default)": {},
        "drift, every request logged": {"prediction_log": log},
        "the same, gzip": {"prediction_log": {**log, "folder": str(folder / "gzip"), "compression": "gzip"}},
    }


def ask(stub: Any, request: predict_pb2.PredictRequest, count: int) -> list[float]:
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        stub.Predict(request, timeout=60)
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures what watching requests costs them.")
    parser.add_argument("--requests", type=int, default=400, help="of each variant in each round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    request = predict_pb2.PredictRequest()
    image = jpeg()
    request.inputs["image_bytes"].CopyFrom(tensors.to_proto([image]))
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(FakeBackend())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stubs = {}
        for name, settings in variants(folder).items():
            gateway = stack.enter_context(running_gateway(backend.address, **settings))
            channel = stack.enter_context(grpc.insecure_channel(gateway.grpc))
            stubs[name] = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        taken: dict[str, list[float]] = {name: [] for name in stubs}
        for stub in stubs.values():
            ask(stub, request, 20)
        for _ in range(options.rounds):
            for name, stub in stubs.items():
                taken[name] += ask(stub, request, options.requests)
                backend.requests.clear()
    found = {}
    print(f"{'':30} {'p50 ms':>8} {'p99 ms':>8}")
    for name, times in taken.items():
        cuts = statistics.quantiles(times, n=100)
        found[name] = {"p50_ms": cuts[49], "p99_ms": cuts[98]}
        print(f"{name:30} {cuts[49]:8.2f} {cuts[98]:8.2f}")
    write_results("observing", {"image_bytes": len(image), "requests": options.requests * options.rounds, **found})


if __name__ == "__main__":
    main()
