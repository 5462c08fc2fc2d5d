"""Whether the trainer and the server see the same pixels: the largest difference over all images.

    python bench/pixel_parity.py [--config DIR/darkroom.yaml]

Takes a project whose pipeline has run, or makes one from the digits. The trainer's side is the trainer's own input
pipeline over TFRecords; the server's side is `darkroom model-server` on the pushed model, asked over
gRPC. Every format, bit depth and orientation that the tests make goes through both as well. Prints the largest
difference, which shall be exactly 0, and writes bench/results/pixel_parity.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from support.digits import DARKROOM, make_project, run
from support.results import ROOT, print_table, write_results

from darkroom.configuration import load_configuration
from darkroom.configuration.training_section import TrainingSection
from pipeline import features
from pipeline.pusher.repository import versions
from pipeline.training.dataset import evaluation_batches
from pipeline.training.feeding.feeding import feeding
from pipeline.training.label_form import LabelForm
from pipeline.training.split_files import SplitFiles
from preprocessing.graph import PreprocessingGraph
from preprocessing.saved import parse_description
from serving.protos import get_model_status_pb2, model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc
from tests.preprocessing.made_images import every_variant

BATCH = 32


def main() -> int:
    """Exit code 1 when the pixels differ."""
    parser = argparse.ArgumentParser(description="Compares the trainer's pixels with the server's.")
    parser.add_argument("--config", type=Path, help="of a project whose pipeline has run; without it, the digits")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.config
        if path is None:
            path = make_project(Path(folder))
            print("Running the pipeline on the digits …", file=sys.stderr)
            run(path)
        found = compare(path)
    print_table(found, {"largest_difference": "exactly 0"})
    write_results("pixel_parity", found)
    return 0 if found["largest_difference"] == 0 else 1


def compare(configuration: Path) -> dict[str, Any]:
    """Counts and the largest absolute difference in units of the model's input."""
    config = load_configuration(configuration)
    model_folder = Path(config.repository_path) / config.model.name
    newest = model_folder / str(versions(model_folder)[-1])
    description = json.loads((newest / "assets.extra" / "darkroom.json").read_text(encoding="utf-8"))
    graph = PreprocessingGraph(*parse_description(description["preprocessing"]))
    runs = Path(config.pipeline_root).glob("artifacts/ImageExampleGen/examples/*")
    examples = max(runs, key=lambda run: int(run.name))
    test_images = list(encoded_images(f"{examples}/Split-{features.TEST_SPLIT}/*"))
    variants = [data for _, data in every_variant()]
    with asking(model_folder, config.model.name) as ask:
        return {
            "test_images": len(test_images),
            "variants": len(variants),
            "largest_difference": max(
                largest_difference(images, graph, config.training, ask) for images in (test_images, variants)
            ),
            "preprocessing": graph.version,
        }


def encoded_images(pattern: str) -> Iterator[bytes]:
    """The images of gzipped TFRecords, as they were ingested."""
    for record in tf.data.TFRecordDataset(tf.io.gfile.glob(pattern), "GZIP"):
        yield tf.train.Example.FromString(record.numpy()).features.feature[features.ENCODED].bytes_list.value[0]


def largest_difference(images: list[bytes], graph: PreprocessingGraph, section: TrainingSection, ask: Any) -> float:
    """Between what the trainer's input pipeline gives to the network and what the served model does."""
    with tempfile.TemporaryDirectory() as folder:
        write_examples(images, f"{folder}/examples.gz")
        split = SplitFiles((f"{folder}/*",), len(images))
        with feeding(split, split, graph, section) as fed:
            trainer = evaluation_batches(fed, section, LabelForm(n_classes=2))
            pixels = np.concatenate([batch.numpy() for batch, _ in trainer])
    largest = 0.0
    for start in range(0, len(images), BATCH):
        served = ask(images[start : start + BATCH])
        largest = max(largest, float(np.abs(served - pixels[start : start + BATCH]).max()))
    return largest


def write_examples(images: list[bytes], path: str) -> None:
    """The images as the trainer's examples; all of one class."""
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for image in images:
            feature = {
                features.ENCODED: tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
                features.LABEL: tf.train.Feature(int64_list=tf.train.Int64List(value=[0])),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


@contextmanager
def asking(model_folder: Path, name: str) -> Iterator[Any]:
    """A function from encoded images to the served model's pixels."""
    command = (*DARKROOM, "model-server", "--model-base-path", str(model_folder), "--model-name", name)
    command += ("--port", "0", "--rest-api-port", "0")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as server:
        try:
            assert server.stdout is not None
            events = iter(server.stdout)
            port = next(json.loads(line)["grpc_port"] for line in events if '"listening"' in line)
            with grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.max_receive_message_length", -1)]) as channel:
                stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
                _wait_until_available(model_service_pb2_grpc.ModelServiceStub(channel), name)

                def ask(images: list[bytes]) -> np.ndarray:
                    request = predict_pb2.PredictRequest()
                    request.model_spec.name, request.model_spec.signature_name = name, "preprocess"
                    request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(images, tf.string))
                    answer = stub.Predict(request, timeout=60)
                    return tf.make_ndarray(answer.outputs["pixels"])

                yield ask
        finally:
            server.terminate()
            server.wait()


def _wait_until_available(stub: Any, name: str) -> None:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    for _ in range(600):
        answer = stub.GetModelStatus(request, timeout=60, wait_for_ready=True)
        if any(version.state == version.AVAILABLE for version in answer.model_version_status):
            return
        time.sleep(0.1)
    raise TimeoutError(f"{name} is not available after a minute")


if __name__ == "__main__":
    sys.exit(main())
