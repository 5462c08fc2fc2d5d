"""The orientation that a camera recorded: reading it from Exif data, and turning the pixels upright.

The rules are those of `preprocessing/images/exif.py`; a test holds the two together.
"""

from __future__ import annotations

import tensorflow as tf

from preprocessing.branching import switch
from preprocessing.decode.byte_access import bytes_at, slice_bytes
from preprocessing.decode.rarely import out_of_line
from preprocessing.images.exif import EXIF_PREFIX, MAX_IFD_ENTRIES, ORIENTATION_TAG

_ENTRY_BYTES = 12
_SHORT = 3


def read_orientation(image_bytes: tf.Tensor, start: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """The orientation 1..8, int32 scalar, in the Exif block at `start`; 1 when `length` is 0 or there is none."""
    return tf.cond(
        length > 0,
        lambda: _parse(slice_bytes(image_bytes, start, length)),
        lambda: tf.constant(1),
    )


def turn_upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """`[h, w, c]`, or `[w, h, c]` for the transposed orientations 5..8 (Exif 2.32, section 4.6.5, tag 274)."""
    upright = tf.cond(orientation > 1, lambda: _turn(image, orientation), lambda: image)
    return tf.ensure_shape(upright, [None, None, image.shape[-1]])


@out_of_line
def _turn(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    def turned(transposed: bool, axes: list[int]) -> tf.Tensor:
        result = tf.transpose(image, [1, 0, 2]) if transposed else image
        return tf.reverse(result, axes) if axes else result

    # Row 0 and column 0 of the stored image are, in turn: top left, top right, bottom right, bottom left, and the same
    # with rows and columns exchanged: left top, right top, right bottom, left bottom.
    branches = [
        lambda transposed=transposed, axes=axes: turned(transposed, axes)
        for transposed in (False, True)
        for axes in ([], [1], [0, 1], [0])
    ]
    return switch(orientation - 1, branches)


@out_of_line
def _parse(exif: tf.Tensor) -> tf.Tensor:
    has_prefix = tf.equal(tf.strings.substr(exif, 0, tf.minimum(tf.strings.length(exif), 6)), EXIF_PREFIX)
    tiff = slice_bytes(exif, tf.where(has_prefix, len(EXIF_PREFIX), 0), tf.strings.length(exif))
    magic = tf.strings.substr(tiff, 0, tf.minimum(tf.strings.length(tiff), 4))
    little = tf.equal(magic, b"II*\x00")
    is_tiff = little | tf.equal(magic, b"MM\x00*")

    def number(data: tf.Tensor) -> tf.Tensor:
        """`[..., n]` bytes to `[...]` int64, in the file's byte order."""
        weights = tf.constant([1 << (8 * i) for i in range(data.shape[-1])], tf.int64)
        return tf.reduce_sum(tf.cast(data, tf.int64) * tf.where(little, weights, weights[::-1]), axis=-1)

    # A directory that lies behind the end reads as zeros, so as empty.
    directory = tf.cast(tf.minimum(number(bytes_at(tiff, 4, 4)), tf.cast(tf.strings.length(tiff), tf.int64)), tf.int32)
    count = tf.minimum(number(bytes_at(tiff, directory, 2)), MAX_IFD_ENTRIES)
    entries = tf.reshape(bytes_at(tiff, directory + 2, _ENTRY_BYTES * MAX_IFD_ENTRIES), [MAX_IFD_ENTRIES, _ENTRY_BYTES])
    is_orientation = tf.equal(number(entries[:, 0:2]), ORIENTATION_TAG)
    is_orientation &= tf.range(MAX_IFD_ENTRIES, dtype=tf.int64) < count
    first = entries[tf.argmax(is_orientation)]
    value = number(first[8:10])
    is_valid = (
        is_tiff
        & tf.reduce_any(is_orientation)
        & tf.equal(number(first[2:4]), _SHORT)
        & tf.equal(number(first[4:8]), 1)
        & (value >= 1)
        & (value <= 8)
    )
    return tf.cast(tf.where(is_valid, value, 1), tf.int32)
