"""From grey levels to the numbers a network is trained on."""

from __future__ import annotations

import tensorflow as tf

from preprocessing.spec import PreprocessingSpec
from preprocessing.statistics import ChannelStatistics

# ITU-R BT.601, the weights of JPEG's and Pillow's luma.
_RED_WEIGHT = 0.299
_BLUE_WEIGHT = 0.114

# Means and deviations over ImageNet's RGB pixels, as keras.applications.imagenet_utils.preprocess_input has them: in
# levels 0..255 and in the order blue, green, red for networks that come from Caffe, as shares of 255 for Torch's.
CAFFE_BGR_MEAN = (103.939, 116.779, 123.68)
TORCH_RGB_MEAN = (0.485, 0.456, 0.406)
TORCH_RGB_STD = (0.229, 0.224, 0.225)


def to_channels(pixels: tf.Tensor, channels: int) -> tf.Tensor:
    """RGB `[..., 3]` float32 as it is, or its BT.601 luma `[..., 1]`.

    Luma is written as green plus weighted differences, so that a grey pixel keeps its level exactly.
    """
    if channels == 3:
        return pixels
    red, green, blue = tf.split(pixels, 3, axis=-1)
    return green + _RED_WEIGHT * (red - green) + _BLUE_WEIGHT * (blue - green)


def scale(pixels: tf.Tensor, spec: PreprocessingSpec, statistics: ChannelStatistics | None) -> tf.Tensor:
    """Applies `spec.scaling` to `[..., C]` float32 levels 0..255.

    Written with multiplications by reciprocals. TensorFlow's graph optimizer turns a division by a constant into one,
    but only where it runs: in a served function and not in a tf.data map, which would make the trainer's pixels differ
    from the server's in the last bit.

    Raises:
        ValueError: `standardize` without statistics, or with those of another number of channels.
    """
    if spec.scaling == "normalize":
        return pixels * (1.0 / 255.0)
    if spec.scaling == "symmetric":
        return pixels * (1.0 / 127.5) - 1.0
    if spec.scaling == "caffe":
        return tf.reverse(pixels, axis=[-1]) - tf.constant(CAFFE_BGR_MEAN, tf.float32)
    if spec.scaling == "torch":
        mean = tf.constant([255.0 * value for value in TORCH_RGB_MEAN], tf.float32)
        return (pixels - mean) * tf.constant([1.0 / (255.0 * value) for value in TORCH_RGB_STD], tf.float32)
    if spec.scaling == "standardize":
        if statistics is None:
            raise ValueError(
                "scaling 'standardize' needs channel statistics of the training split; got none. "
                "Run the pipeline's Transform step, or choose 'normalize' or 'symmetric'."
            )
        if statistics.channels != spec.channels:
            raise ValueError(
                f"The statistics have {statistics.channels} channels, but the spec has {spec.channels}; "
                "they come from another preprocessing spec."
            )
        mean = tf.constant(statistics.mean, tf.float32)
        factors = tf.constant([1.0 / divisor for divisor in statistics.divisors], tf.float32)
        return (pixels - mean) * factors
    return pixels
