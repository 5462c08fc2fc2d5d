"""What dynamic batching gains: the model server with and without it, side by side on this machine.

    python bench/batching.py [--seconds 6] [--rounds 3] [--clients 32] [--network mobilenet_v3_small]

Two model servers serve the same small CNN, one with a TF Serving parameters file. In each round both are asked in turn
by 32 concurrent gRPC clients and by one, in alternating order, so that what else the machine does falls on both. A
third server has no model and answers at once: what it reaches is all that the protocol allows here. And the network
runs by itself, one image at a time and 32: where that gains less than three times, no server's batching can gain more
on cores that are all busy. The clients run in a process of their own, on the same cores. Prints a table and writes
bench/results/batching.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import uvloop
from support.results import ROOT, write_results

from serving import tensors
from serving.protos import get_model_status_pb2, model_service_pb2_grpc, predict_pb2

LEAST_GAIN = 3.0
# Two runs of the same server differ by about as much.
P50_TOLERANCE = 1.05

# network -> pixels' side and channels
NETWORKS = {"mobilenet_v3_small": (32, 3), "deep_mnist": (28, 1), "small_cnn": (28, 3)}

# TensorFlow uses all cores for one batch. Five milliseconds are a fraction of what a full batch takes.
PARAMETERS = """
max_batch_size { value: 32 }
batch_timeout_micros { value: 5000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 1 }
"""


@dataclass(frozen=True)
class Load:
    """What one load measured; milliseconds."""

    throughput: float
    p50: float
    p99: float
    server_cpu: float


def export(network: str, path: Path) -> None:
    """Write the network, untrained, as a SavedModel: `pixels` float [N, side, side, channels] -> [N, 10]."""
    import keras  # noqa: PLC0415 - TensorFlow, in a process of its own

    side, channels = NETWORKS[network]
    shape = (side, side, channels)
    layers = keras.layers
    if network == "mobilenet_v3_small":
        body = keras.applications.MobileNetV3Small(
            shape, weights=None, include_top=False, include_preprocessing=False, pooling="avg"
        )
        features = [body]
    elif network == "small_cnn":
        from darkroom.configuration.model_section import SmallCnnSection  # noqa: PLC0415 - the same
        from pipeline.models.small_cnn import small_cnn  # noqa: PLC0415

        features = [small_cnn(shape, SmallCnnSection()), layers.GlobalAveragePooling2D()]
    else:  # TensorFlow's tutorial network of 2016
        features = []
        for filters in (32, 64):
            features += [layers.Conv2D(filters, 5, padding="same", activation="relu"), layers.MaxPooling2D()]
        features += [layers.Flatten(), layers.Dense(1024, activation="relu")]
    model = keras.Sequential([keras.Input(shape, name="pixels"), *features, layers.Dense(10, activation="softmax")])
    model.export(str(path), verbose=False)


def network_alone(path: Path, network: str) -> dict[int, float]:
    """Milliseconds of CPU for each image, by the images that run together; no server, no clients."""
    from serving.model_server.tensorflow_runtime import TensorFlowRuntime  # noqa: PLC0415 - TensorFlow, as in `export`

    servable = TensorFlowRuntime().load(path)
    ((output, _),) = servable.signatures["serving_default"].outputs.items()
    side, channels = NETWORKS[network]
    found = {}
    for size in (1, 32):
        pixels = np.random.default_rng(0).random((size, side, side, channels), dtype=np.float32)
        times = []
        for _ in range(20 + 640 // size):
            before = time.process_time()
            servable.run("serving_default", {"pixels": pixels}, [output])
            times.append(time.process_time() - before)
        found[size] = 1e3 * statistics.median(times[10:]) / size
    servable.close()
    return found


class Server:
    """One server's process."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    @classmethod
    def of_model(cls, base: Path, *flags: str) -> Server:
        """One `darkroom model-server`."""
        process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-m",
                    "darkroom.cli",
                    "model-server",
                    "--model_name=cnn",
                    f"--model_base_path={base}",
                ),
                *("--port=0", "--rest_api_port=0", *flags),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        return cls(process, json.loads(next(iter(process.stdout or ())))["grpc_port"])

    @classmethod
    def without_model(cls) -> Server:
        """One that answers the same to every request, at once."""
        command = [sys.executable, "-m", "bench.support.fixed_server", "--slots", "1000", "--milliseconds", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        return cls(process, int(next(iter(process.stdout or ()))))

    def cpu_seconds(self) -> float:
        """Of all its threads so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """Let it drain."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def request_bytes(network: str) -> bytes:
    """A serialised PredictRequest for one image."""
    side, channels = NETWORKS[network]
    pixels = np.random.default_rng(0).random((1, side, side, channels), dtype=np.float32)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "cnn"
    request.inputs["pixels"].CopyFrom(tensors.to_proto(pixels))
    return request.SerializeToString()


def ask(port: int, data: bytes, clients: int, seconds: float) -> tuple[list[float], float]:
    """Latencies of all requests, and how long it took; every request must succeed."""

    async def load() -> tuple[list[float], float]:
        latencies: list[float] = []
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
            await asyncio.gather(*(call(data) for _ in range(2 * clients)))
            start = time.perf_counter()

            async def client() -> None:
                while (began := time.perf_counter()) < start + seconds:
                    await call(data)
                    latencies.append(time.perf_counter() - began)

            await asyncio.gather(*(client() for _ in range(clients)))
            return latencies, time.perf_counter() - start

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(load())


def measure(pool: ProcessPoolExecutor, server: Server, data: bytes, clients: int, seconds: float) -> Load:
    before = server.cpu_seconds()
    latencies, took = pool.submit(ask, server.port, data, clients, seconds).result()
    cpu = (server.cpu_seconds() - before) / len(latencies)
    ordered = sorted(latencies)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return Load(len(latencies) / took, 1e3 * statistics.median(ordered), 1e3 * p99, 1e3 * cpu)


def wait_until_available(port: int) -> None:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "cnn"
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        for _ in range(600):
            try:
                states = [item.state for item in stub.GetModelStatus(request).model_version_status]
            except grpc.RpcError:
                states = []
            if get_model_status_pb2.ModelVersionStatus.AVAILABLE in states:
                return
            time.sleep(0.1)
    raise RuntimeError("The model did not become available within a minute")


def median(loads: list[Load]) -> Load:
    """Of each value by itself."""
    return Load(*(statistics.median(values) for values in zip(*(asdict(load).values() for load in loads), strict=True)))


def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    print(f"Exporting {options.network} …", file=sys.stderr)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:  # TensorFlow stays out of this process
        pool.submit(export, options.network, folder / "cnn" / "1").result()
        alone = pool.submit(network_alone, folder / "cnn" / "1", options.network).result()
    parameters = folder / "batching.config"
    parameters.write_text(options.parameters or PARAMETERS)
    data = request_bytes(options.network)
    servers = {
        "unbatched": Server.of_model(folder / "cnn"),
        "batched": Server.of_model(folder / "cnn", "--enable_batching", f"--batching_parameters_file={parameters}"),
        "no model": Server.without_model(),
    }
    loads: dict[tuple[str, int], list[Load]] = {(name, count): [] for name in servers for count in (options.clients, 1)}
    try:
        for name in ("unbatched", "batched"):
            wait_until_available(servers[name].port)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            for number in range(options.rounds):
                for count in (options.clients, 1):
                    for name in sorted(servers, reverse=bool(number % 2)):
                        load = measure(pool, servers[name], data, count, options.seconds)
                        loads[name, count].append(load)
                        print(f"round {number + 1}: {name}, {count} clients: {load}", file=sys.stderr)
    finally:
        for server in servers.values():
            server.stop()
    medians = {key: median(values) for key, values in loads.items()}
    many, one = options.clients, 1
    gains = [
        batched.throughput / plain.throughput
        for batched, plain in zip(loads["batched", many], loads["unbatched", many], strict=True)
    ]
    return {
        "network": options.network,
        "clients": options.clients,
        "parameters": " ".join(parameters.read_text().split()),
        "loads": {f"{name}_{count}": asdict(load) for (name, count), load in medians.items()},
        "throughput_gain": statistics.median(gains),
        "throughput_gains": gains,
        "most_gain": statistics.median(
            empty.throughput / plain.throughput
            for empty, plain in zip(loads["no model", many], loads["unbatched", many], strict=True)
        ),
        "p50_ratio_one_client": statistics.median(
            batched.p50 / plain.p50
            for batched, plain in zip(loads["batched", one], loads["unbatched", one], strict=True)
        ),
        "network_alone_cpu_ms": alone,
        "rounds": options.rounds,
        "seconds": options.seconds,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures dynamic batching.")
    parser.add_argument("--network", choices=NETWORKS, default="mobilenet_v3_small")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parameters", help="a BatchingParameters text proto in place of the one here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = run(options, Path(folder))
    print(f"{'':12} {'clients':>8} {'requests/s':>11} {'p50 ms':>8} {'p99 ms':>8} {'server CPU ms/request':>22}")
    for key, load in found["loads"].items():
        name, _, count = key.rpartition("_")
        print(
            f"{name:12} {count:>8} {load['throughput']:11.0f} {load['p50']:8.2f} {load['p99']:8.2f} "
            f"{load['server_cpu']:22.2f}"
        )
    print(f"throughput at {options.clients} clients: {found['throughput_gain']:.2f} times (at least {LEAST_GAIN:g})")
    print(f"without any model: {found['most_gain']:.2f} times")
    one, many = found["network_alone_cpu_ms"].values()
    print(f"the network alone: {one:.2f} ms of CPU for an image, {many:.2f} in 32: {one / many:.2f} times")
    print(f"p50 with one client: {found['p50_ratio_one_client']:.2f} times (at most {P50_TOLERANCE:g})")
    suffix = "" if options.network == "mobilenet_v3_small" else f"_{options.network}"
    write_results(f"batching{suffix}", found)
    missed = found["throughput_gain"] < LEAST_GAIN or found["p50_ratio_one_client"] > P50_TOLERANCE
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
