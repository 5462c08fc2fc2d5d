"""WebP in the graph: libwebp does the decoding, once it is told how many channels the file has."""

from __future__ import annotations

import tensorflow as tf

from preprocessing.decode.alpha import Background, composite
from preprocessing.decode.byte_access import bytes_at, little_endian_16, little_endian_32, require
from preprocessing.decode.header import GraphHeader
from preprocessing.decode.orientation import read_orientation
from preprocessing.images.webp import MAX_CHUNKS

_VP8, _VP8L, _VP8X, _ALPH, _EXIF = (
    int.from_bytes(name, "little") for name in (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"EXIF")
)
_ANIMATION_FLAG, _EXIF_FLAG, _ALPHA_FLAG = 0x02, 0x08, 0x10
_FIRST_CHUNK = 12


def read_header(image_bytes: tf.Tensor) -> GraphHeader:
    """The header of a WebP still; fails with `InvalidArgument` on an animation, which would end the process."""
    first = little_endian_32(image_bytes, _FIRST_CHUNK, 1)[0]
    is_extended = tf.equal(first, _VP8X)
    flags = tf.where(is_extended, tf.cast(bytes_at(image_bytes, 20, 1)[0], tf.int32), 0)
    check = require(
        tf.equal(flags & _ANIMATION_FLAG, 0),
        "unsupported_variant: an animated WebP is not decoded; save one frame of it as a still image; flags",
        [flags],
    )
    with tf.control_dependencies([check] if check is not None else []):
        image_bytes = tf.identity(image_bytes)
    image, has_alpha_chunk, start, length = tf.cond(
        is_extended,
        lambda: _walk_chunks(image_bytes, has_exif=tf.not_equal(flags & _EXIF_FLAG, 0)),
        lambda: (tf.constant(_FIRST_CHUNK), tf.constant(False), tf.constant(0), tf.constant(0)),
    )
    is_lossless = tf.equal(little_endian_32(image_bytes, image, 1)[0], _VP8L)
    # RFC 6386, section 9.1: 14 bits each, behind a tag and a start code of three bytes each.
    width, height = tf.unstack(little_endian_16(image_bytes, image + 14, 2) & 0x3FFF)
    # RFC 9649, section 3.4: 14 bits each, less one, behind the signature; then the bit for alpha.
    lossless = little_endian_32(image_bytes, image + 9, 1)[0]
    has_alpha = tf.where(
        is_lossless,
        tf.not_equal(lossless & (1 << 28), 0),
        has_alpha_chunk | tf.not_equal(flags & _ALPHA_FLAG, 0),
    )
    return GraphHeader(
        tf.where(is_lossless, (tf.bitwise.right_shift(lossless, 14) & 0x3FFF) + 1, height),
        tf.where(is_lossless, (lossless & 0x3FFF) + 1, width),
        read_orientation(image_bytes, start, length),
        ~has_alpha,
    )


def decode_rgb(image_bytes: tf.Tensor) -> tf.Tensor:
    """`[h, w, 3]` uint8 of a WebP without alpha."""
    return tf.squeeze(tf.image.decode_webp(image_bytes, channels=3), axis=0)


def decode_over(image_bytes: tf.Tensor, background: Background) -> tf.Tensor:
    """`[h, w, 3]` float32, 0..255, of a WebP with alpha."""
    return composite(tf.squeeze(tf.image.decode_webp(image_bytes, channels=4), axis=0), 255, background)


def _walk_chunks(image_bytes: tf.Tensor, *, has_exif: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """`(position of the image chunk, whether there is ALPH, start and length of EXIF)`; positions are 0 when absent."""

    def step(
        position: tf.Tensor, image: tf.Tensor, has_alpha: tf.Tensor, start: tf.Tensor, length: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        name, size = tf.unstack(little_endian_32(image_bytes, position, 2))
        is_image = (tf.equal(name, _VP8) | tf.equal(name, _VP8L)) & tf.equal(image, 0)
        # Exif stands behind the image (RFC 9649, section 2.7); inspection does not look elsewhere.
        is_exif = tf.equal(name, _EXIF) & (image > 0) & tf.equal(start, 0)
        image = tf.where(is_image, position, image)
        goes_on = tf.not_equal(name, 0) & (size >= 0) & (size < tf.strings.length(image_bytes) - position)
        goes_on &= tf.equal(image, 0) | has_exif & ~is_exif
        return (
            tf.where(goes_on, position + 8 + size + size % 2, -1),
            image,
            has_alpha | tf.equal(name, _ALPH),
            tf.where(is_exif, position + 8, start),
            tf.where(is_exif, size, length),
        )

    zero = tf.constant(0)
    _, image, has_alpha, start, length = tf.while_loop(
        lambda position, *_: position > 0,
        step,
        (tf.constant(_FIRST_CHUNK), zero, tf.constant(False), zero, zero),
        parallel_iterations=1,
        maximum_iterations=MAX_CHUNKS,
    )
    return image, has_alpha, start, length
