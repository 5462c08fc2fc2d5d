"""What the graph reads from an image before it decodes it."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class GraphHeader(NamedTuple):
    """Scalars of one image.

    Attributes:
        height: int32, in pixels as stored, before the orientation is applied.
        width: int32.
        orientation: int32, the Exif value 1..8.
        is_plain: bool, whether the image is opaque with at most 8 bits for each sample, so that uint8 holds it.
    """

    height: tf.Tensor
    width: tf.Tensor
    orientation: tf.Tensor
    is_plain: tf.Tensor
