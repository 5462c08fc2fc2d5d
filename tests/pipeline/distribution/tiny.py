"""A tiny training that can run under every strategy, in this process or in worker processes."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from darkroom.configuration.distribution_section import DistributionSection
from darkroom.errors import DataError
from pipeline.distribution.cluster import cluster_from_environment
from pipeline.distribution.replica_training import trained_in_replicas
from pipeline.distribution.shares import Shares, place_of
from pipeline.distribution.strategy import make_strategy
from pipeline.progress import EpochProgress, reporter

# 45 and 16 leave 13 images for the last step, which two replicas cannot share evenly.
SIZE, BATCH, EPOCHS = 45, 16, 3


def train(argument: dict[str, Any]) -> None:
    """Trains and writes `<folder>/<name>-<worker>.json` and `.npz`; `fail` names the mishap of worker 1."""
    strategy = make_strategy(DistributionSection.model_validate(argument["section"]))
    cluster = cluster_from_environment()
    worker = cluster.number if cluster else 0
    keras.utils.set_random_seed(0)
    shares = Shares(SIZE, BATCH, place_of(strategy))
    with strategy.scope():
        model = _model(synchronized=strategy.num_replicas_in_sync > 1)
    mishap = argument.get("fail") if worker == 1 else None
    if mishap == "error":
        raise DataError("worker 1 has no data")
    alone = strategy.num_replicas_in_sync == 1
    with trained_in_replicas(model, strategy, batch_size=BATCH):
        history = model.fit(
            _batches(shares).repeat() if alone else _distributed(shares, strategy, endless=True),
            validation_data=_batches(shares) if alone else _distributed(shares, strategy),
            epochs=argument.get("epochs", EPOCHS),
            steps_per_epoch=shares.steps,
            validation_steps=shares.steps,
            callbacks=[_Report(), _Mishap(mishap)],
            verbose=0,
        ).history
    target = Path(argument["folder"]) / f"{argument['name']}-{worker}"
    target.with_suffix(".json").write_text(json.dumps({k: [float(v) for v in vs] for k, vs in history.items()}))
    np.savez(target.with_suffix(".npz"), *model.get_weights())


def chief_lingers(argument: dict[str, Any]) -> None:
    """As a chief does that writes a large model, when the other workers have nothing left to do."""
    strategy = make_strategy(DistributionSection.model_validate(argument["section"]))
    if place_of(strategy).worker == 0:
        time.sleep(argument["seconds"])
        Path(argument["file"]).write_text("written")


def result(folder: Path, name: str, worker: int = 0) -> tuple[dict[str, list[float]], list[np.ndarray]]:
    """What `train` wrote: history and weights."""
    with np.load(folder / f"{name}-{worker}.npz") as arrays:
        weights = [arrays[key] for key in arrays.files]
    return json.loads((folder / f"{name}-{worker}.json").read_text()), weights


def _model(*, synchronized: bool) -> keras.Model:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, use_bias=False),
            layers.BatchNormalization(momentum=0.9, synchronized=synchronized),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", kernel_regularizer=keras.regularizers.L2(0.01), dtype="float32"),
        ]
    )
    # The norm's bound is low enough to be met in most steps.
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, global_clipnorm=0.5)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
    return model


def _batches(shares: Shares) -> tf.data.Dataset:
    random = np.random.default_rng(0)
    images, labels = random.normal(size=(SIZE, 8, 8, 1)).astype(np.float32), random.integers(0, 3, SIZE)
    weights = random.uniform(0.5, 1.5, SIZE).astype(np.float32)
    examples = tf.data.Dataset.from_tensor_slices((images, labels, weights))
    return shares.parts(shares.of_worker(examples))


def _distributed(shares: Shares, strategy: tf.distribute.Strategy, *, endless: bool = False) -> Any:
    def parts(_: tf.distribute.InputContext) -> tf.data.Dataset:
        batches = _batches(shares)
        return batches.repeat() if endless else batches

    return strategy.distribute_datasets_from_function(parts)


class _Report(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        metrics = {key: float(value) for key, value in (logs or {}).items()}
        reporter().epoch(EpochProgress(epoch + 1, self.params["epochs"], metrics, 0.0))


class _Mishap(keras.callbacks.Callback):
    def __init__(self, kind: str | None) -> None:
        super().__init__()
        self._kind = kind

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._kind is None or epoch < 1:
            return
        if self._kind == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self._kind == "raises":
            raise RuntimeError("a mishap of worker 1")
        if self._kind == "stopped":
            os.kill(os.getpid(), signal.SIGSTOP)
