"""RandAugment, after Cubuk et al., "Practical automated data augmentation with a reduced search space" (2019)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from darkroom.configuration.augmentation_section import AugmentationSection, RandAugmentSection
from pipeline.training.augmentation.layers import fill_options
from pipeline.training.augmentation.stateless_seeds import transform
from preprocessing.spec import PreprocessingSpec

# At magnitude 1: the paper's and the authors' greatest strengths.
_MAX_SHEAR = 0.3
_MAX_TRANSLATION = 0.45
_MAX_ROTATION = 30 / 360
_MAX_ENHANCEMENT = 0.9
_FEWEST_BITS = 4

_LEVELS = (0, 255)

Operation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class RandAugment:
    """For each image, operations chosen at random.

    Keras's layer of this name chooses once for a whole batch and computes all eleven operations to keep one; here each
    image has its own choice, and only what was chosen runs.
    """

    def __init__(self, rules: RandAugmentSection, section: AugmentationSection, spec: PreprocessingSpec) -> None:
        self._count = rules.operations
        self._operations = _operations(rules.magnitude, section, spec)

    def __call__(self, levels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """`[N, H, W, C]` levels 0..255 to the same; `seed` is `[2]` int32."""
        seeds = tf.random.stateless_uniform([tf.shape(levels)[0], 2], seed, minval=None, maxval=None, dtype=tf.int32)
        return tf.map_fn(
            lambda pair: self._one(*pair),
            (levels, seeds),
            fn_output_signature=tf.TensorSpec(levels.shape[1:], levels.dtype),
        )

    def _one(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        images = image[tf.newaxis]
        for number in range(self._count):
            own = tf.random.experimental.stateless_fold_in(seed, number)
            chosen = tf.random.stateless_uniform([], own, 0, len(self._operations), tf.int32)
            images = tf.switch_case(
                chosen, [functools.partial(operation, images, own) for operation in self._operations]
            )
        return images[0]


def _operations(magnitude: float, section: AugmentationSection, spec: PreprocessingSpec) -> list[Operation]:
    moved: dict[str, Any] = {"dtype": "float32"} | fill_options(section, spec)
    coloured: dict[str, Any] = {"dtype": "float32", "value_range": _LEVELS}
    shear, shift = _MAX_SHEAR * magnitude, _MAX_TRANSLATION * magnitude
    enhancement = _MAX_ENHANCEMENT * magnitude
    bits = round(8 - (8 - _FEWEST_BITS) * magnitude)
    layers = [
        keras.layers.RandomShear(shear, 0.0, **moved),
        keras.layers.RandomShear(0.0, shear, **moved),
        keras.layers.RandomTranslation(shift, 0.0, **moved),
        keras.layers.RandomTranslation(0.0, shift, **moved),
        keras.layers.RandomRotation(_MAX_ROTATION * magnitude, **moved),
        keras.layers.RandomBrightness(enhancement / 2, **coloured),
        keras.layers.RandomContrast(enhancement, **coloured),
        # Keras's factor 0.5 leaves the image as it is.
        keras.layers.RandomSharpness((0.5 - enhancement / 2, 0.5 + enhancement / 2), **coloured),
        keras.layers.RandomPosterization((bits, bits), **coloured),
        keras.layers.AutoContrast(**coloured),
        keras.layers.Equalization(**coloured),
    ]
    if spec.channels == 3:
        layers.append(keras.layers.RandomColorDegeneration(enhancement, **coloured))
    operations: list[Operation] = [lambda images, seed: images]
    operations += [functools.partial(transform, layer) for layer in layers]
    operations.append(functools.partial(_solarize, 255.0 * (1.0 - magnitude)))
    return operations


def _solarize(threshold: float, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Inverts what is lighter than the threshold. Keras's layer inverts the more the weaker it is set."""
    return tf.where(images < threshold, images, 255.0 - images)
