"""BMP in the graph, decoded from its bytes: TensorFlow's own decoder reads two of the ten variants rightly."""

from __future__ import annotations

import tensorflow as tf

from preprocessing.branching import switch
from preprocessing.decode.alpha import Background, composite
from preprocessing.decode.byte_access import little_endian_16, little_endian_32, require, slice_bytes
from preprocessing.decode.header import GraphHeader

_FILE_HEADER, _INFO_HEADER = 14, 40
_FIRST_WITH_ALPHA_MASK, _LARGEST_HEADER = 56, 124
_MASKS_AT = _FILE_HEADER + _INFO_HEADER
_RGB, _BITFIELDS, _ALPHA_BITFIELDS = 0, 3, 6
_MASKS_555 = (0x7C00, 0x03E0, 0x001F, 0)


def read_header(image_bytes: tf.Tensor) -> GraphHeader:
    """The header of a BMP; fails with `InvalidArgument` on a variant that is not decoded."""
    header_size, width, height = tf.unstack(little_endian_32(image_bytes, _FILE_HEADER, 3))
    bits = little_endian_16(image_bytes, 28, 1)[0]
    compression = little_endian_32(image_bytes, 30, 1)[0]
    has_masks = tf.equal(compression, _BITFIELDS) | tf.equal(compression, _ALPHA_BITFIELDS)
    is_known = tf.reduce_any(tf.equal(header_size, [_INFO_HEADER, 52, 56, 108, 124])) & tf.where(
        has_masks,
        tf.reduce_any(tf.equal(bits, [16, 32])),
        tf.equal(compression, _RGB) & tf.reduce_any(tf.equal(bits, [1, 4, 8, 16, 24, 32])),
    )
    check = require(
        is_known,
        "unsupported_variant: this kind of BMP is not decoded; header size, bits, compression:",
        [header_size, bits, compression],
    )
    with tf.control_dependencies([check] if check is not None else []):
        has_alpha = has_masks & tf.not_equal(_read_masks(image_bytes)[3], 0)
    return GraphHeader(tf.abs(height), width, tf.constant(1), ~has_alpha)


def decode_rgb(image_bytes: tf.Tensor) -> tf.Tensor:
    """`[h, w, 3]` uint8 of a BMP without an alpha mask."""
    bits = little_endian_16(image_bytes, 28, 1)[0]
    has_masks = tf.not_equal(little_endian_32(image_bytes, 30, 1)[0], _RGB)
    rows = _read_rows(image_bytes, bits)
    width = little_endian_32(image_bytes, 18, 1)[0]
    branch = tf.where(bits <= 8, 0, tf.where(tf.equal(bits, 16) | has_masks, 1, 2))
    image = switch(
        branch,
        [
            lambda: _from_palette(image_bytes, rows, width, bits),
            lambda: tf.cast(_from_masks(image_bytes, rows, width, bits)[..., :3], tf.uint8),
            # Blue, green, red, and at 32 bits a byte without meaning.
            lambda: tf.reshape(rows[:, : width * (bits // 8)], [-1, width, bits // 8])[..., 2::-1],
        ],
    )
    return _top_down(image_bytes, tf.ensure_shape(image, [None, None, 3]))


def decode_over(image_bytes: tf.Tensor, background: Background) -> tf.Tensor:
    """`[h, w, 3]` float32, 0..255, of a BMP with an alpha mask.

    Where all alpha is 0 the image counts as opaque, as browsers have it: many programs announce a mask and leave the
    bits unset.
    """
    bits = little_endian_16(image_bytes, 28, 1)[0]
    width = little_endian_32(image_bytes, 18, 1)[0]
    rgba = _from_masks(image_bytes, _read_rows(image_bytes, bits), width, bits)
    alpha = rgba[..., 3:]
    alpha = tf.cond(tf.equal(tf.reduce_max(alpha), 0), lambda: tf.fill(tf.shape(alpha), 255), lambda: alpha)
    return _top_down(image_bytes, composite(tf.concat([rgba[..., :3], alpha], axis=-1), 255, background))


def _read_masks(image_bytes: tf.Tensor) -> tf.Tensor:
    """Red, green, blue and alpha mask, uint32 `[4]`; alpha is 0 where the header has no such field."""
    header_size = little_endian_32(image_bytes, _FILE_HEADER, 1)[0]
    compression = little_endian_32(image_bytes, 30, 1)[0]
    has_alpha_field = (header_size >= _FIRST_WITH_ALPHA_MASK) | tf.equal(compression, _ALPHA_BITFIELDS)
    masks = little_endian_32(image_bytes, _MASKS_AT, 4) * tf.concat(
        [[1, 1, 1], [tf.cast(has_alpha_field, tf.int32)]], 0
    )
    return tf.bitcast(tf.where(tf.equal(compression, _RGB), tf.constant(_MASKS_555), masks), tf.uint32)


def _read_rows(image_bytes: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """`[h, bytes of a row]` uint8, in the order of the file; rows are padded to four bytes."""
    width, height = tf.unstack(little_endian_32(image_bytes, 18, 2))
    height = tf.abs(height)
    start = little_endian_32(image_bytes, 10, 1)[0]
    stride = (width * bits + 31) // 32 * 4
    needed = stride * (height - 1) + (width * bits + 7) // 8
    pixels = slice_bytes(image_bytes, start, stride * height)
    check = require(
        (start >= _MASKS_AT) & (tf.strings.length(pixels) >= needed),
        "truncated: the BMP has fewer bytes of pixels than its header says; wanted, got:",
        [needed, tf.strings.length(pixels)],
    )
    with tf.control_dependencies([check] if check is not None else []):
        # Some writers leave out the padding of the last row.
        data = tf.io.decode_raw(pixels, tf.uint8)
    return tf.reshape(tf.pad(data, [[0, stride * height - tf.size(data)]]), [height, stride])


def _top_down(image_bytes: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
    """Rows come bottom-up, unless the height is negative."""
    return tf.cond(little_endian_32(image_bytes, 22, 1)[0] < 0, lambda: image, lambda: tf.reverse(image, [0]))


def _from_palette(image_bytes: tf.Tensor, rows: tf.Tensor, width: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    header_size = little_endian_32(image_bytes, _FILE_HEADER, 1)[0]
    used = little_endian_32(image_bytes, 46, 1)[0]
    colours = tf.where((used > 0) & (used < 256), used, 256)
    # A full table may reach into the pixels; the header says where these begin.
    room = (little_endian_32(image_bytes, 10, 1)[0] - _FILE_HEADER - header_size) // 4
    table = slice_bytes(image_bytes, _FILE_HEADER + header_size, 4 * tf.minimum(colours, room))
    # Blue, green, red, unused; indices beyond the table are black.
    palette = tf.reshape(tf.io.decode_raw(table, tf.uint8, fixed_length=4 * 256), [256, 4])[:, 2::-1]
    # The leftmost pixel is in the highest bits.
    shifts = tf.cast(tf.range(8 - bits, -1, -bits), tf.uint8)
    mask = tf.cast(tf.bitwise.left_shift(1, bits) - 1, tf.uint8)
    indices = tf.bitwise.bitwise_and(tf.bitwise.right_shift(rows[..., tf.newaxis], shifts), mask)
    indices = tf.reshape(indices, [tf.shape(rows)[0], -1])[:, :width]
    return tf.gather(palette, tf.cast(indices, tf.int32))


def _from_masks(image_bytes: tf.Tensor, rows: tf.Tensor, width: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """`[h, w, 4]` int32, each channel scaled to 0..255; alpha is 0 where its mask is."""
    size = bits // 8
    pixel_bytes = tf.reshape(rows[:, : width * size], [-1, width, size])
    pixel_bytes = tf.pad(pixel_bytes, [[0, 0], [0, 0], [0, 4 - size]])
    pixels = tf.bitcast(tf.ensure_shape(pixel_bytes, [None, None, 4]), tf.uint32)
    return tf.stack([_channel(pixels, mask) for mask in tf.unstack(_read_masks(image_bytes))], axis=-1)


def _channel(pixels: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """One channel of `[h, w]` uint32 pixels, scaled to 0..255 and rounded, int32."""
    # The lowest set bit is where the channel begins; an empty mask becomes a channel of zeros.
    lowest = tf.maximum(tf.bitwise.bitwise_and(mask, tf.bitwise.invert(mask) + 1), 1)
    value = tf.cast(tf.bitwise.bitwise_and(pixels, mask), tf.int64) // tf.cast(lowest, tf.int64)
    most = tf.maximum(tf.cast(mask, tf.int64) // tf.cast(lowest, tf.int64), 1)
    return tf.cast((value * 510 + most) // (2 * most), tf.int32)
