"""Channel statistics of the training split, computed by TFX Transform on Beam; nothing is written for each image."""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from pipeline import features
from preprocessing.graph import levels
from preprocessing.spec import PreprocessingSpec
from preprocessing.statistics import SQUARE_SCALE, SUM_SCALE, ChannelStatistics

SPEC_KEY = "preprocessing_spec"

_SUMS = "channel_sums"
_SQUARES = "channel_squares"
_COUNT = "image_count"


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """TFX Transform's entry point.

    The analysis adds up integers, so its result does not depend on how Beam bundles the data. Its totals leave as
    features that are the same for every example; `read_channel_statistics` takes them from one.
    """
    spec = PreprocessingSpec.model_validate_json(custom_config[SPEC_KEY])
    image_bytes = tf.reshape(_dense(inputs[features.ENCODED]), [-1])
    batch = tf.shape(image_bytes)[0]
    outputs = {_COUNT: _for_each(tft.sum(tf.ones_like(image_bytes, tf.int64)), batch)}
    if spec.needs_statistics:
        totals = _totals_function(spec)(image_bytes)
        outputs[_SUMS] = _for_each(tft.sum(totals[:, 0, :], reduce_instance_dims=False), batch)
        outputs[_SQUARES] = _for_each(tft.sum(totals[:, 1, :], reduce_instance_dims=False), batch)
    return outputs


def read_channel_statistics(
    transform_output: tft.TFTransformOutput, spec: PreprocessingSpec, example: bytes
) -> ChannelStatistics | None:
    """The statistics that Transform found.

    Args:
        transform_output: of the run's Transform.
        spec: the same as Transform was given.
        example: any serialised training example; Transform's graph wants one to run on.

    Returns:
        None when the spec's scaling does not use statistics.
    """
    if not spec.needs_statistics:
        return None
    raw = tf.io.parse_example([example], transform_output.raw_feature_spec())
    found = transform_output.transform_features_layer()(raw)
    return ChannelStatistics.from_sums(
        sums=found[_SUMS].numpy().reshape(-1).tolist(),
        squares=found[_SQUARES].numpy().reshape(-1).tolist(),
        pixels_per_image=spec.height * spec.width,
        image_count=int(found[_COUNT].numpy().reshape(-1)[0]),
    )


def channel_totals(image_bytes: tf.Tensor, spec: PreprocessingSpec) -> tf.Tensor:
    """What the analysis adds up, of each image: `[N]` encoded images to `[N, 2, C]` int64.

    Totals of sets of images are sums of these, exactly; `ChannelStatistics.from_sums` makes statistics of them.
    """
    return _totals_function(spec)(image_bytes)


@functools.cache
def _totals_function(spec: PreprocessingSpec) -> Any:
    """`image_bytes [N]` to `[N, 2, C]` int64, traced once: Transform traces its entry point six times."""
    function = tf.function(
        lambda image_bytes: tf.map_fn(
            lambda encoded: _totals(levels(encoded, spec)),
            image_bytes,
            fn_output_signature=tf.TensorSpec([2, spec.channels], tf.int64),
        ),
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )
    return function.get_concrete_function()


def _totals(pixels: tf.Tensor) -> tf.Tensor:
    """`[H, W, C]` levels to `[2, C]` int64: quantised sums and sums of squares."""
    wide = tf.cast(pixels, tf.float64)
    sums = tf.reduce_sum(wide, axis=[0, 1]) * SUM_SCALE
    squares = tf.reduce_sum(wide * wide, axis=[0, 1]) * SQUARE_SCALE
    return tf.cast(tf.round(tf.stack([sums, squares])), tf.int64)


def _for_each(value: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
    """Repeats a total for every example of the batch: `[batch, ...]`."""
    return tf.repeat(tf.expand_dims(value, 0), batch, axis=0)


def _dense(feature: Any) -> tf.Tensor:
    return tf.sparse.to_dense(feature) if isinstance(feature, tf.sparse.SparseTensor) else feature
