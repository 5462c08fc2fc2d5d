"""From the bytes of one image to upright RGB pixels, with TensorFlow ops alone."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from preprocessing.branching import switch
from preprocessing.decode import bmp, gif, jpeg, png, webp
from preprocessing.decode.byte_access import bytes_at, require
from preprocessing.decode.header import GraphHeader
from preprocessing.decode.orientation import turn_upright
from preprocessing.decode.rarely import out_of_line
from preprocessing.images.limits import ImageLimits

# In the order of the branches below. A signature is compared where its mask is set, so that RIFF's size is left out.
_SIGNATURES: tuple[tuple[bytes, bytes], ...] = (
    (b"\xff\xd8\xff", b"\xff" * 3),
    (b"\x89PNG\r\n\x1a\n", b"\xff" * 8),
    (b"GIF8", b"\xff" * 4),
    (b"BM", b"\xff" * 2),
    (b"RIFF\x00\x00\x00\x00WEBP", b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff"),
)
_SNIFFED_BYTES = 12
_PNG, _BMP = 1, 3


def decode_image(
    image_bytes: tf.Tensor,
    *,
    background: tuple[int, int, int],
    transform: Callable[[tf.Tensor], tf.Tensor],
    limits: ImageLimits | None = None,
) -> tf.Tensor:
    """Decode one image and hand its pixels to `transform`.

    Works eagerly, in `tf.function`, `tf.data`, `tf.map_fn` and TF Serving, and needs nothing but TensorFlow's own ops.

    Args:
        image_bytes: scalar string, an encoded JPEG, PNG, GIF (the first frame), BMP or WebP.
        background: RGB, 0..255, for what is transparent.
        transform: called with `[h, w, 3]` pixels on the scale 0..255, upright: uint8 for opaque images of 8 bits and
            less, float32 for the rest. Traced once for each of the two; both results must agree in shape and dtype.
        limits: bounds on scans, pixels and sides; the defaults of `ImageLimits` if None. They are the last line, for
            clients that reach the model directly; `inspect_image` checks more and says more.

    Returns:
        What `transform` returned.

    Raises:
        tf.errors.InvalidArgumentError: when run, on bytes that can't be decoded or break a limit. Anything that
            `inspect_image` and `verify_image` accept under the same limits decodes.
    """
    limits = limits or ImageLimits()
    image_format = _sniff(image_bytes)
    header = switch(
        image_format,
        [
            lambda: jpeg.read_header(image_bytes, limits),
            lambda: png.read_header(image_bytes),
            lambda: out_of_line(gif.read_header)(image_bytes),
            lambda: out_of_line(bmp.read_header)(image_bytes),
            lambda: out_of_line(webp.read_header)(image_bytes),
            lambda: out_of_line(_unknown)(image_bytes),
        ],
    )
    with tf.control_dependencies(_checks(header, limits)):
        image_bytes = tf.identity(image_bytes)

    def plain() -> tf.Tensor:
        pixels = switch(
            image_format,
            [
                lambda: jpeg.decode_rgb(image_bytes),
                lambda: png.decode_rgb(image_bytes),
                lambda: out_of_line(gif.decode_rgb)(image_bytes, background),
                lambda: out_of_line(bmp.decode_rgb)(image_bytes),
                lambda: out_of_line(webp.decode_rgb)(image_bytes),
            ],
        )
        return transform(turn_upright(tf.ensure_shape(pixels, [None, None, 3]), header.orientation))

    @out_of_line
    def blended(image_bytes: tf.Tensor, image_format: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
        pixels = switch(
            tf.where(tf.equal(image_format, _PNG), 0, tf.where(tf.equal(image_format, _BMP), 1, 2)),
            [
                lambda: png.decode_over(image_bytes, background),
                lambda: bmp.decode_over(image_bytes, background),
                lambda: webp.decode_over(image_bytes, background),
            ],
        )
        return transform(turn_upright(tf.ensure_shape(pixels, [None, None, 3]), orientation))

    return tf.cond(header.is_plain, plain, lambda: blended(image_bytes, image_format, header.orientation))


def _sniff(image_bytes: tf.Tensor) -> tf.Tensor:
    """The index of the format in `_SIGNATURES`, int32 scalar; their number when it is none of them."""
    masks = tf.constant([list(mask.ljust(_SNIFFED_BYTES, b"\x00")) for _, mask in _SIGNATURES], tf.uint8)
    wanted = tf.constant([list(signature.ljust(_SNIFFED_BYTES, b"\x00")) for signature, _ in _SIGNATURES], tf.uint8)
    found = tf.bitwise.bitwise_and(bytes_at(image_bytes, 0, _SNIFFED_BYTES), masks)
    matches = tf.reduce_all(tf.equal(found, wanted), axis=1)
    return tf.argmax(tf.concat([matches, [True]], axis=0), output_type=tf.int32)


def _unknown(image_bytes: tf.Tensor) -> GraphHeader:
    check = require(
        tf.constant(False),
        "unknown_format: not a JPEG, PNG, GIF, BMP or WebP image; size in bytes, first bytes:",
        [tf.strings.length(image_bytes), bytes_at(image_bytes, 0, 8)],
    )
    with tf.control_dependencies([check] if check is not None else []):
        nothing = tf.constant(0)
    return GraphHeader(tf.identity(nothing), tf.identity(nothing), tf.constant(1), tf.constant(True))


def _checks(header: GraphHeader, limits: ImageLimits) -> list[tf.Operation]:
    height, width = header.height, header.width
    shortest, longest = tf.minimum(height, width), tf.maximum(height, width)
    pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    check = require(
        (shortest > 0) & (longest <= limits.max_side) & (pixels <= limits.max_pixels),
        f"too_many_pixels: an image has 1 to {limits.max_side} pixels a side and {limits.max_pixels} in all; "
        "height, width:",
        [height, width],
    )
    return [check] if check is not None else []
