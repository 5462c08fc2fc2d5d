"""What bench/feeding.py measures, in a process that does nothing else."""

from __future__ import annotations

import time
from typing import Any

import keras
import tensorflow as tf

from darkroom.configuration import DarkroomConfig
from darkroom.task import Task
from pipeline.models.network import build_network
from pipeline.training.augmentation.augmenter import Augmenter
from pipeline.training.dataset import steps_per_epoch, training_batches
from pipeline.training.feeding.decoding import decode, untuned
from pipeline.training.feeding.feeding import feeding
from pipeline.training.label_form import LabelForm
from pipeline.training.split_files import SplitFiles
from preprocessing.graph import PreprocessingGraph
from support.made_photos import CLASSES

_STEPS = 20


class Subject:
    """A network and its data."""

    def __init__(
        self, train: SplitFiles, evaluation: SplitFiles, side: int, batch: int, model: dict[str, Any] | None
    ) -> None:
        self._train, self._evaluation = train, evaluation
        self._document = {
            "preprocessing": {"height": side, "width": side, "channels": 3, "scaling": "symmetric"},
            "model": model or {},
            "training": {"batch_size": batch, "augmentation": {"flip": "horizontal", "brightness": 0.1}},
        }
        self._batch, self._is_tiny = batch, model is None

    def decoded_per_second(self) -> float:
        """Images that all cores preprocess when nothing else runs."""
        graph = PreprocessingGraph(DarkroomConfig.model_validate(self._document).preprocessing)
        images = iter(decode(self._train.records(), graph).with_options(untuned()))
        warm_up = self._train.size // 10
        for _ in range(warm_up):
            next(images)
        started = time.perf_counter()
        count = sum(1 for _ in images)
        return count / (time.perf_counter() - started)

    def trained_per_second(self, warm_up: int) -> float:
        """Images of a batch that is there, over and over."""
        config = DarkroomConfig.model_validate(self._document)
        model = self._model(config)
        height, width, channels = PreprocessingGraph(config.preprocessing).spec.pixel_shape
        pixels = tf.random.stateless_normal((self._batch, height, width, channels), (1, 2))
        labels = tf.range(self._batch, dtype=tf.int64) % CLASSES
        for _ in range(warm_up):
            model.train_on_batch(pixels, labels)
        started = time.perf_counter()
        for _ in range(_STEPS):
            model.train_on_batch(pixels, labels)
        return _STEPS * self._batch / (time.perf_counter() - started)

    def fed(self, section: dict[str, Any], epochs: int) -> dict[str, Any]:
        """Trains; images per second and the share of the time in which a step waited, after the first epoch."""
        training = self._document["training"] | {"feeding": section}
        config = DarkroomConfig.model_validate(self._document | {"training": training})
        graph, model = PreprocessingGraph(config.preprocessing), self._model(config)
        per_epoch = steps_per_epoch(self._train.size, config.training)
        augmenter = Augmenter(config.training.augmentation, graph, None)
        waited: list[float] = []
        taken: list[float] = []
        first = 0.0
        with feeding(self._train, self._evaluation, graph, config.training) as fed:
            begun = time.perf_counter()
            batches = iter(training_batches(fed, config.training, augmenter, LabelForm(CLASSES), epochs=epochs))
            while True:
                started = time.perf_counter()
                batch = next(batches, None)
                if batch is None:
                    break
                ready = time.perf_counter()
                first = first or ready - begun
                model.train_on_batch(*batch)
                waited.append(ready - started)
                taken.append(time.perf_counter() - started)
            if len(taken) != epochs * per_epoch:
                raise RuntimeError(f"{len(taken)} steps came, {epochs * per_epoch} were to come")
            measured = slice(per_epoch if epochs > 1 else 1, None)
            return {
                "images_per_second": self._train.size * max(epochs - 1, 1) / sum(taken[measured]),
                "wait": sum(waited[measured]) / sum(taken[measured]),
                "first_batch_seconds": first,
                "mode": fed.choice.train,
                "segments": fed.choice.segments,
            }

    def _model(self, config: DarkroomConfig) -> keras.Model:
        keras.utils.set_random_seed(0)
        shape = PreprocessingGraph(config.preprocessing).spec.pixel_shape
        if self._is_tiny:
            layers = keras.layers
            pixels = keras.Input(shape)
            means = layers.Flatten()(layers.AveragePooling2D(shape[0] // 4)(pixels))
            model = keras.Model(pixels, layers.Dense(CLASSES, activation="softmax")(means))
        else:
            model = build_network(config.model, shape, Task.MULTICLASS, CLASSES).model
        model.compile("adam", "sparse_categorical_crossentropy")
        return model
