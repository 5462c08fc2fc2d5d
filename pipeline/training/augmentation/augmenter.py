"""All that happens to a training batch between the cache and the network."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from darkroom.configuration.augmentation_section import AugmentationSection
from pipeline.models.own_code import OwnCode
from pipeline.training.augmentation.layers import image_layers
from pipeline.training.augmentation.mixing import Mixing
from pipeline.training.augmentation.own_hooks import OwnHooks
from pipeline.training.augmentation.rand_augment import RandAugment
from pipeline.training.augmentation.stateless_seeds import transform
from preprocessing.graph import PreprocessingGraph
from preprocessing.scaling import scale

# Numbers that keep the draws of each kind of change apart; the layers have those below.
_RAND_AUGMENT, _HOOKS, _MIXING = 101, 102, 103


class Augmenter:
    """Copies, changes and mixes the images of a batch; its draws depend on the seed alone.

    Keras's layers work on grey levels 0..255, before `preprocessing.scaling` is applied: brightness and contrast mean
    the same under every scaling, and the padding's colour is known. The user's own functions, MixUp and CutMix work on
    the pixels that the network sees.
    """

    def __init__(
        self,
        section: AugmentationSection,
        graph: PreprocessingGraph,
        own: OwnCode | None,
        label_dtype: tf.DType = tf.int64,
    ) -> None:
        """Makes the layers.

        Args:
            section: which changes.
            graph: the run's preprocessing, for its scaling.
            own: the user's module, if any.
            label_dtype: of class ids or targets.

        Raises:
            ConfigurationError: a change that these images or the user's functions do not allow.
        """
        self._copies = section.n_augmentation
        self._graph = graph
        self._layers = image_layers(section, graph.spec)
        rules = section.rand_augment
        self._rand_augment = RandAugment(rules, section, graph.spec) if rules else None
        self._hooks = OwnHooks(own, graph.spec.pixel_shape, label_dtype)
        self._mixing = Mixing(section) if section.mixes_labels else None

    def __call__(
        self,
        levels: tf.Tensor,
        labels: tf.Tensor,
        seed: tf.Tensor,
        encode: Callable[[tf.Tensor], tf.Tensor],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Levels `[N, H, W, C]` and labels `[N]` to pixels and encoded labels of N times the copies.

        Args:
            levels: 0..255, float32.
            labels: class ids or targets.
            seed: `[2]` int32.
            encode: what makes of labels `[N]` that which leaves; with MixUp or CutMix `[N, K]` float32.
        """
        if self._copies > 1:
            levels, labels = tf.repeat(levels, self._copies, axis=0), tf.repeat(labels, self._copies)
        for number, layer in enumerate(self._layers):
            levels = transform(layer, levels, tf.random.experimental.stateless_fold_in(seed, number))
        if self._rand_augment is not None:
            levels = self._rand_augment(levels, tf.random.experimental.stateless_fold_in(seed, _RAND_AUGMENT))
        pixels = scale(levels, self._graph.spec, self._graph.statistics)
        if self._hooks:
            pixels, labels = self._hooks(pixels, labels, tf.random.experimental.stateless_fold_in(seed, _HOOKS))
        encoded = encode(labels)
        if self._mixing is not None:
            pixels, encoded = self._mixing(pixels, encoded, tf.random.experimental.stateless_fold_in(seed, _MIXING))
        return pixels, encoded
