"""The user's own `augment` and `random_transform`, called for each image of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from darkroom.errors import ConfigurationError
from pipeline.models.own_code import OwnCode


class OwnHooks:
    """What the user's module does to training images, inside the graph."""

    def __init__(
        self, own: OwnCode | None, pixel_shape: tuple[int, int, int], label_dtype: tf.DType = tf.int64
    ) -> None:
        """Traces the functions once, so that their mistakes show before training.

        Args:
            own: the module.
            pixel_shape: `(H, W, C)` of the preprocessed images.
            label_dtype: of class ids or targets.

        Raises:
            ConfigurationError: a function fails or returns something else than it must.
        """
        self._shape, self._label_dtype = pixel_shape, label_dtype
        self._random_transform = own.hook("random_transform") if own else None
        self._augment = own.hook("augment") if own else None
        self._module = own.module if own else ""
        if self:
            tf.function(self._one, autograph=False).get_concrete_function(
                tf.TensorSpec(pixel_shape, tf.float32), tf.TensorSpec([], label_dtype), tf.TensorSpec([2], tf.int32)
            )

    def __bool__(self) -> bool:
        return self._random_transform is not None or self._augment is not None

    def __call__(self, pixels: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """`[N, H, W, C]` preprocessed pixels and labels `[N]` to the same."""
        seeds = tf.random.stateless_uniform([tf.shape(labels)[0], 2], seed, minval=None, maxval=None, dtype=tf.int32)
        changed: tuple[tf.Tensor, tf.Tensor] = tf.map_fn(
            lambda each: self._one(*each),
            (pixels, labels, seeds),
            fn_output_signature=(tf.TensorSpec(self._shape, tf.float32), tf.TensorSpec([], self._label_dtype)),
        )
        return changed

    def _one(self, image: tf.Tensor, label: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if self._random_transform is not None:
            image = self._checked_image("random_transform", _in_graph(self._random_transform)(image, seed))
        if self._augment is not None:
            returned = _in_graph(self._augment)(image, label, tf.random.experimental.stateless_fold_in(seed, 1))
            if not isinstance(returned, (tuple, list)) or len(returned) != 2:
                raise ConfigurationError(f"{self._module}.augment must return (image, label), but returned {returned}")
            image = self._checked_image("augment", returned[0])
            label = tf.cast(tf.ensure_shape(returned[1], []), self._label_dtype)
        return image, label

    def _checked_image(self, hook: str, returned: Any) -> tf.Tensor:
        try:
            image = tf.cast(returned, tf.float32)
            return tf.ensure_shape(image, self._shape)
        except (TypeError, ValueError) as error:
            found = getattr(returned, "shape", type(returned).__name__)
            raise ConfigurationError(
                f"{self._module}.{hook} must return an image of shape {self._shape}, but returned {found}"
            ) from error


def _in_graph(function: Callable[..., Any]) -> Callable[..., Any]:
    """With AutoGraph, so that a user may write `if` and `for` over tensors."""
    converted: Callable[..., Any] = tf.function(function)
    return converted
