"""MixUp (Zhang et al. 2017) and CutMix (Yun et al. 2019): images that have two labels."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from darkroom.configuration.augmentation_section import AugmentationSection
from pipeline.training.augmentation.stateless_seeds import StatelessSeeds


class Mixing:
    """Mixes the images of a batch with each other; with both methods switched on, each batch gets one of them."""

    def __init__(self, section: AugmentationSection) -> None:
        self._layers: list[Any] = []
        if section.mixup:
            self._layers.append(keras.layers.MixUp(section.mixup, dtype="float32"))
        if section.cutmix:
            self._layers.append(keras.layers.CutMix((section.cutmix, section.cutmix), dtype="float32"))

    def __call__(self, pixels: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """`[N, H, W, C]` pixels of any range and float32 labels `[N, K]` to the same."""
        if not self._layers:
            return pixels, labels
        chosen = tf.random.stateless_uniform([], seed, 0, len(self._layers), tf.int32)
        # Bound now: a lambda in the comprehension would look its layer up when all were made.
        branches = [lambda layer=layer: _mix(layer, pixels, labels, seed) for layer in self._layers]
        mixed: tuple[tf.Tensor, tf.Tensor] = tf.switch_case(chosen, branches)
        return mixed


def _mix(layer: Any, pixels: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    drawn = layer.get_random_transformation(pixels, training=True, seed=StatelessSeeds(seed))
    images = layer.transform_images(pixels, drawn, training=True)
    return tf.ensure_shape(images, pixels.shape), tf.ensure_shape(
        layer.transform_labels(labels, drawn, training=True), labels.shape
    )
