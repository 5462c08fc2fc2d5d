"""Reading numbers out of a scalar string tensor, at any position, without failing at its end."""

from __future__ import annotations

import tensorflow as tf


def bytes_at(image_bytes: tf.Tensor, position: tf.Tensor | int, count: int) -> tf.Tensor:
    """`count` bytes from `position` on, uint8 `[count]`; zeros where the string has ended."""
    return _numbers_at(image_bytes, position, count, tf.uint8, count, little_endian=True)


def big_endian_16(image_bytes: tf.Tensor, position: tf.Tensor | int, count: int) -> tf.Tensor:
    """`count` unsigned 16-bit numbers from `position` on, int32 `[count]`; zeros where the string has ended."""
    return tf.cast(_numbers_at(image_bytes, position, count, tf.uint16, 2 * count, little_endian=False), tf.int32)


def big_endian_32(image_bytes: tf.Tensor, position: tf.Tensor | int, count: int) -> tf.Tensor:
    """`count` signed 32-bit numbers from `position` on, int32 `[count]`; zeros where the string has ended."""
    return _numbers_at(image_bytes, position, count, tf.int32, 4 * count, little_endian=False)


def little_endian_16(image_bytes: tf.Tensor, position: tf.Tensor | int, count: int) -> tf.Tensor:
    """`count` unsigned 16-bit numbers from `position` on, int32 `[count]`; zeros where the string has ended."""
    return tf.cast(_numbers_at(image_bytes, position, count, tf.uint16, 2 * count, little_endian=True), tf.int32)


def little_endian_32(image_bytes: tf.Tensor, position: tf.Tensor | int, count: int) -> tf.Tensor:
    """`count` signed 32-bit numbers from `position` on, int32 `[count]`; zeros where the string has ended."""
    return _numbers_at(image_bytes, position, count, tf.int32, 4 * count, little_endian=True)


def slice_bytes(image_bytes: tf.Tensor, start: tf.Tensor | int, length: tf.Tensor | int) -> tf.Tensor:
    """The bytes from `start` on, at most `length` as a scalar string; empty behind the end.

    Both are int32 and not negative: the op's own message for a negative one quotes the image's bytes, and a status
    message that is not UTF-8 breaks those who read it.
    """
    start = tf.minimum(start, tf.strings.length(image_bytes))
    return tf.strings.substr(image_bytes, start, length)


def require(condition: tf.Tensor, message: str, seen: list[tf.Tensor]) -> tf.Operation | None:
    """An op that fails with `InvalidArgument`, `message` and the values of `seen` unless `condition` holds."""
    return tf.debugging.Assert(condition, [message, *seen], summarize=8)


def _numbers_at(
    image_bytes: tf.Tensor, position: tf.Tensor | int, count: int, dtype: tf.DType, size: int, *, little_endian: bool
) -> tf.Tensor:
    piece = slice_bytes(image_bytes, position, size)
    padded = tf.io.decode_raw(piece, dtype, little_endian=little_endian, fixed_length=size)
    return tf.ensure_shape(padded, [count])
