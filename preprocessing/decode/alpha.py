"""Laying transparent pixels over a background."""

from __future__ import annotations

import tensorflow as tf

Background = tuple[int, int, int]


def composite(rgba: tf.Tensor, maximum: int, background: Background) -> tf.Tensor:
    """`over` of Porter and Duff with an opaque background, for straight (not premultiplied) alpha.

    Args:
        rgba: `[h, w, 4]` uint8 or uint16, 0..`maximum`.
        maximum: the level of full intensity and of full opacity.
        background: RGB, 0..255.

    Returns:
        `[h, w, 3]` float32 on the scale 0..255, not rounded. Opaque pixels of 8 bits come out exactly as they went in.
    """
    # Multiplications by reciprocals, as in scaling.py, so that the graph optimizer has no division to rewrite. Full
    # opacity still gives exactly 1, and a multiple of 257 exactly its level.
    alpha = tf.cast(rgba[..., 3:], tf.float32) * (1.0 / maximum)
    colour = tf.cast(rgba[..., :3], tf.float32)
    if maximum != 255:
        colour = colour * (255.0 / maximum)
    # In this form each step can reuse its operand's memory, which counts at 64 million pixels.
    under = tf.constant(background, tf.float32)
    return (colour - under) * alpha + under
