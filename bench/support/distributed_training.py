"""What one process of bench/distribution.py does: it trains, and writes down when each step ended."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from darkroom.configuration.distribution_section import DistributionSection
from darkroom.configuration.model_section import ModelSection
from darkroom.task import Task
from pipeline.distribution.cluster import cluster_from_environment
from pipeline.distribution.distributed import distributed
from pipeline.distribution.replica_training import trained_in_replicas
from pipeline.distribution.strategy import make_strategy
from pipeline.models.network import build_network

CLASSES = 10


def train(argument: dict[str, Any]) -> None:
    """Trains for `steps`; writes the time at the end of each to `<file>-<number>.json`."""
    strategy = make_strategy(DistributionSection.model_validate(argument["section"]))
    cluster, side, batch = cluster_from_environment(), argument["side"], argument["images_per_process"]
    with strategy.scope():
        section = ModelSection(architecture=argument["architecture"])
        model = build_network(section, (side, side, 3), Task.MULTICLASS, CLASSES).model
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    random = np.random.default_rng(0)
    one = (random.normal(size=(batch, side, side, 3)).astype(np.float32), random.integers(0, CLASSES, batch))
    endless = tf.data.Dataset.from_tensors(one).repeat().prefetch(2)
    ends = StepEnds()
    with trained_in_replicas(model, strategy, batch_size=batch * strategy.num_replicas_in_sync):
        model.fit(distributed(endless, strategy), steps_per_epoch=argument["steps"], callbacks=[ends], verbose=0)
    number = argument.get("number", cluster.number if cluster else 0)
    Path(f"{argument['file']}-{number}.json").write_text(json.dumps(ends.times), encoding="utf-8")


class StepEnds(keras.callbacks.Callback):
    """The wall-clock time at the end of each step."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes it."""
        self.times.append(time.time())
