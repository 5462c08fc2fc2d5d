"""PNG in the graph: libpng does the decoding; this finds out what to ask it for."""

from __future__ import annotations

import tensorflow as tf

from preprocessing.decode.alpha import Background, composite
from preprocessing.decode.byte_access import big_endian_32, bytes_at
from preprocessing.decode.header import GraphHeader
from preprocessing.decode.orientation import read_orientation
from preprocessing.images.png import GREY_ALPHA, MAX_CHUNKS_BEFORE_DATA, RGB_ALPHA

_IHDR_END = 33
_IDAT, _IEND, _TRNS, _EXIF = (int.from_bytes(name, "big") for name in (b"IDAT", b"IEND", b"tRNS", b"eXIf"))
_MAX_16_BIT = 65_535


def read_header(image_bytes: tf.Tensor) -> GraphHeader:
    """The header of a PNG; of a damaged one anything, which libpng refuses later."""
    width, height = tf.unstack(big_endian_32(image_bytes, 16, 2))
    bit_depth, colour_type = tf.unstack(bytes_at(image_bytes, 24, 2))
    has_transparency, start, length = _walk_chunks(image_bytes)
    has_alpha = tf.equal(colour_type, GREY_ALPHA) | tf.equal(colour_type, RGB_ALPHA) | has_transparency
    return GraphHeader(
        height, width, read_orientation(image_bytes, start, length), ~has_alpha & ~tf.equal(bit_depth, 16)
    )


def decode_rgb(image_bytes: tf.Tensor) -> tf.Tensor:
    """`[h, w, 3]` uint8 of an opaque PNG of at most 8 bits: grey and palette become RGB, exactly."""
    return tf.io.decode_png(image_bytes, channels=3)


def decode_over(image_bytes: tf.Tensor, background: Background) -> tf.Tensor:
    """`[h, w, 3]` float32, 0..255, of a PNG with transparency or 16 bits.

    Asked for four channels, TensorFlow fills in the alpha that a file lacks: 65535 at 16 bits, which is right, and
    wrong values at 1, 2 and 4 bits, which never come here without a tRNS chunk of their own.
    """
    return tf.cond(
        tf.equal(bytes_at(image_bytes, 24, 1)[0], 16),
        lambda: composite(tf.io.decode_png(image_bytes, channels=4, dtype=tf.uint16), _MAX_16_BIT, background),
        lambda: composite(tf.io.decode_png(image_bytes, channels=4), 255, background),
    )


def _walk_chunks(image_bytes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Whether there is a tRNS chunk, and the start and length (int32) of the eXIf chunk, before the image data.

    tRNS must come before the data (PNG, section 5.6); `inspect_image` refuses an orientation that comes after it.
    """

    def step(
        position: tf.Tensor, has_transparency: tf.Tensor, start: tf.Tensor, length: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        size, name = tf.unstack(big_endian_32(image_bytes, position, 2))
        is_first_exif = tf.equal(name, _EXIF) & tf.equal(start, 0)
        # Behind the end, names are 0. A length that int32 can't hold, or that points behind the end, ends the walk.
        goes_on = ~(tf.equal(name, _IDAT) | tf.equal(name, _IEND) | tf.equal(name, 0))
        goes_on &= (size >= 0) & (size < tf.strings.length(image_bytes) - position)
        return (
            tf.where(goes_on, position + size + 12, -1),
            has_transparency | tf.equal(name, _TRNS),
            tf.where(is_first_exif, position + 8, start),
            tf.where(is_first_exif, size, length),
        )

    zero = tf.constant(0)
    _, has_transparency, start, length = tf.while_loop(
        lambda position, *_: position > 0,
        step,
        (tf.constant(_IHDR_END), tf.constant(False), zero, zero),
        parallel_iterations=1,
        maximum_iterations=MAX_CHUNKS_BEFORE_DATA + 1,
    )
    return has_transparency, start, length
