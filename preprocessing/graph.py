"""The preprocessing graph: encoded image bytes in, the model's pixels out."""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf

from preprocessing.decode import decode_image
from preprocessing.geometry import fit_to_spec
from preprocessing.scaling import scale, to_channels
from preprocessing.spec import PreprocessingSpec
from preprocessing.statistics import ChannelStatistics
from preprocessing.version import preprocessing_version


class PreprocessingGraph(tf.Module):
    """`image_bytes [N] string -> pixels [N, H, W, C] float32`, made of TensorFlow ops alone.

    The batch form maps the one-image form over the batch, and the trainer's input pipeline calls the one-image form:
    both run the same ops on the same image, so the same bytes give the same pixels, bit for bit.

    Attributes:
        spec: what to do.
        statistics: what the training split said; None when the spec does not need it.
        version: `<spec.version>-<fingerprint>`.
    """

    def __init__(self, spec: PreprocessingSpec, statistics: ChannelStatistics | None = None) -> None:
        """Builds the graph.

        Raises:
            ValueError: the spec needs statistics and has none, or they have another number of channels.
        """
        super().__init__(name="preprocessing")
        if spec.needs_statistics:
            # Fails here rather than at the first image.
            scale(tf.zeros((1, 1, spec.channels)), spec, statistics)
        self.spec = spec
        self.statistics = statistics if spec.needs_statistics else None
        self.version = preprocessing_version(spec, self.statistics)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")], autograph=False)
    def __call__(self, image_bytes: tf.Tensor) -> tf.Tensor:
        """Preprocesses a batch.

        Args:
            image_bytes: `[N]` string, encoded images of any mix of formats and sizes.

        Returns:
            `[N, H, W, C]` float32.

        Raises:
            tf.errors.InvalidArgumentError: an image cannot be decoded.
        """
        pixels = tf.map_fn(
            self.preprocess_one,
            image_bytes,
            fn_output_signature=tf.TensorSpec(self.spec.pixel_shape, tf.float32),
        )
        return tf.ensure_shape(pixels, (None, *self.spec.pixel_shape))

    @tf.function(input_signature=[tf.TensorSpec([], tf.string, name="image_bytes")], autograph=False)
    def preprocess_one(self, image_bytes: tf.Tensor) -> tf.Tensor:
        """Preprocesses one image: scalar string to `[H, W, C]` float32."""
        return scale(levels(image_bytes, self.spec), self.spec, self.statistics)


def levels(image_bytes: tf.Tensor, spec: PreprocessingSpec) -> tf.Tensor:
    """All of the spec but its scaling: scalar string to `[H, W, C]` float32 levels 0..255.

    This is what channel statistics are measured on.
    """
    return _levels_function(spec)(image_bytes)


@functools.lru_cache(maxsize=8)
def _levels_function(spec: PreprocessingSpec) -> Any:
    """`levels` as a concrete function, traced once for all graphs of a process that call it.

    Tracing the decoder takes about a second. A run has six graphs that begin with it: statistics, two input pipelines,
    the preprocessing that is exported, the model that is served, and the one that the server is compared with.
    """

    def traced(image_bytes: tf.Tensor) -> tf.Tensor:
        fitted = decode_image(
            image_bytes,
            background=spec.background,
            transform=lambda pixels: fit_to_spec(pixels, spec),
        )
        return tf.ensure_shape(to_channels(fitted, spec.channels), spec.pixel_shape)

    # Outside of the graph that asks first.
    with tf.init_scope():
        return tf.function(
            traced, input_signature=[tf.TensorSpec([], tf.string, name="image_bytes")], autograph=False
        ).get_concrete_function()
