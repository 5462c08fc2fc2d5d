"""BMP in the graph, decoded from its bytes: TensorFlow's own decoder reads two of the ten variants rightly."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from preprocessing.branching import switch
from preprocessing.decode.alpha import Background, composite
from preprocessing.decode.byte_access import little_endian_32, require, slice_bytes
from preprocessing.decode.header import GraphHeader

_FILE_HEADER, _MASKS_AT = 14, 54
_HEADER_SIZES = (40, 52, 56, 108, 124)
_FIRST_WITH_ALPHA_MASK = 56
_RGB, _BITFIELDS, _ALPHA_BITFIELDS = 0, 3, 6
_DEPTHS, _DEPTHS_WITH_MASKS = (1, 4, 8, 16, 24, 32), (16, 16, 16, 16, 32, 32)
_MASKS_555 = (0x7C00, 0x03E0, 0x001F, 0)
# The one height whose sign can't be turned.
_LOWEST = -(2**31)


class _Fields(NamedTuple):
    """The header's fields; int32 scalars, and uint32 `[4]` for the masks."""

    start: tf.Tensor
    header_size: tf.Tensor
    width: tf.Tensor
    height: tf.Tensor
    bits: tf.Tensor
    compression: tf.Tensor
    colours_used: tf.Tensor
    masks: tf.Tensor


def read_header(image_bytes: tf.Tensor) -> GraphHeader:
    """The header of a BMP; fails with `InvalidArgument` on a variant that is not decoded."""
    fields = _read_fields(image_bytes)
    has_masks = tf.not_equal(fields.compression, _RGB)
    depths = tf.where(has_masks, _DEPTHS_WITH_MASKS, _DEPTHS)
    is_known = (
        tf.reduce_any(tf.equal(fields.header_size, _HEADER_SIZES))
        & tf.reduce_any(tf.equal(fields.compression, (_RGB, _BITFIELDS, _ALPHA_BITFIELDS)))
        & tf.reduce_any(tf.equal(fields.bits, depths))
        & tf.not_equal(fields.height, _LOWEST)
        & (fields.start >= _MASKS_AT)
    )
    check = require(
        is_known,
        "unsupported_variant: this kind of BMP is not decoded; header size, bits, compression, start of pixels:",
        [fields.header_size, fields.bits, fields.compression, fields.start],
    )
    with tf.control_dependencies([check] if check is not None else []):
        height = tf.abs(fields.height)
    return GraphHeader(height, fields.width, tf.constant(1), ~has_masks | tf.equal(fields.masks[3], 0))


def decode_rgb(image_bytes: tf.Tensor) -> tf.Tensor:
    """`[h, w, 3]` uint8 of a BMP without an alpha mask."""
    fields = _read_fields(image_bytes)
    rows = _read_rows(image_bytes, fields)
    has_masks = tf.equal(fields.bits, 16) | tf.not_equal(fields.compression, _RGB)
    image = switch(
        tf.where(fields.bits <= 8, 0, tf.where(has_masks, 1, 2)),
        [
            lambda: _from_palette(image_bytes, rows, fields),
            lambda: tf.cast(_from_masks(rows, fields)[..., :3], tf.uint8),
            lambda: _from_bytes(rows, fields),
        ],
    )
    return _top_down(tf.ensure_shape(image, [None, None, 3]), fields)


def decode_over(image_bytes: tf.Tensor, background: Background) -> tf.Tensor:
    """`[h, w, 3]` float32, 0..255, of a BMP with an alpha mask.

    Where all alpha is 0 the image counts as opaque, as browsers have it: many programs announce a mask and leave the
    bits unset.
    """
    fields = _read_fields(image_bytes)
    rgba = _from_masks(_read_rows(image_bytes, fields), fields)
    is_unset = tf.equal(tf.reduce_max(rgba[..., 3]), 0)
    rgba += tf.where(is_unset, (0, 0, 0, 255), (0, 0, 0, 0))
    return _top_down(composite(rgba, 255, background), fields)


def _read_fields(image_bytes: tf.Tensor) -> _Fields:
    # From the offset of the pixels, at byte 10, all fields are whole 32-bit words, but for the planes (always 1) and
    # the bits, which share one. The masks follow BITMAPINFOHEADER's 40 bytes, whether they count as header or not.
    words = tf.unstack(little_endian_32(image_bytes, 10, 15))
    start, header_size, width, height, planes_and_bits, compression, _, _, _, colours_used, _, *masks = words
    has_alpha_field = (header_size >= _FIRST_WITH_ALPHA_MASK) | tf.equal(compression, _ALPHA_BITFIELDS)
    masks[3] = tf.where(has_alpha_field, masks[3], 0)
    return _Fields(
        start,
        header_size,
        width,
        height,
        tf.bitwise.right_shift(planes_and_bits, 16),
        compression,
        colours_used,
        tf.bitcast(tf.where(tf.equal(compression, _RGB), _MASKS_555, tf.stack(masks)), tf.uint32),
    )


def _read_rows(image_bytes: tf.Tensor, fields: _Fields) -> tf.Tensor:
    """`[h, bytes of a row]` uint8, in the order of the file; rows are padded to four bytes."""
    height, row_bits = tf.abs(fields.height), fields.width * fields.bits
    stride = (row_bits + 31) // 32 * 4
    needed = stride * (height - 1) + (row_bits + 7) // 8
    pixels = slice_bytes(image_bytes, fields.start, stride * height)
    check = require(
        tf.strings.length(pixels) >= needed,
        "truncated: the BMP has fewer bytes of pixels than its header says; wanted, got:",
        [needed, tf.strings.length(pixels)],
    )
    with tf.control_dependencies([check] if check is not None else []):
        data = tf.io.decode_raw(pixels, tf.uint8)
    # Some writers leave out the padding of the last row.
    return tf.reshape(tf.pad(data, [[0, stride * height - tf.size(data)]]), [height, stride])


def _top_down(image: tf.Tensor, fields: _Fields) -> tf.Tensor:
    """Rows come bottom-up, unless the height is negative."""
    return tf.cond(fields.height < 0, lambda: image, lambda: tf.reverse(image, [0]))


def _from_bytes(rows: tf.Tensor, fields: _Fields) -> tf.Tensor:
    """Blue, green, red, and at 32 bits a byte without meaning."""
    size = fields.bits // 8
    pixels = tf.reshape(rows[:, : fields.width * size], [-1, fields.width, size])
    return tf.stack([pixels[..., 2], pixels[..., 1], pixels[..., 0]], axis=-1)


def _from_palette(image_bytes: tf.Tensor, rows: tf.Tensor, fields: _Fields) -> tf.Tensor:
    used, table_at = fields.colours_used, _FILE_HEADER + fields.header_size
    colours = tf.where((used > 0) & (used < 256), used, 256)
    # Without a number of colours the table may be shorter than it could; the pixels end it.
    table = slice_bytes(image_bytes, table_at, tf.maximum(4 * tf.minimum(colours, (fields.start - table_at) // 4), 0))
    # Blue, green, red, unused; indices beyond the table are black.
    palette = tf.reshape(tf.io.decode_raw(table, tf.uint8, fixed_length=4 * 256), [256, 4])
    palette = tf.gather(palette, (2, 1, 0), axis=1)
    # The leftmost pixel is in the highest bits.
    shifts = tf.cast(tf.range(8 - fields.bits, -1, -fields.bits), tf.uint8)
    mask = tf.cast(tf.bitwise.left_shift(1, fields.bits) - 1, tf.uint8)
    indices = tf.bitwise.bitwise_and(tf.bitwise.right_shift(rows[..., tf.newaxis], shifts), mask)
    indices = tf.reshape(indices, [tf.shape(rows)[0], -1])[:, : fields.width]
    return tf.gather(palette, tf.cast(indices, tf.int32))


def _from_masks(rows: tf.Tensor, fields: _Fields) -> tf.Tensor:
    """`[h, w, 4]` int32, each channel scaled to 0..255 and rounded; 0 where its mask is."""
    size, masks = fields.bits // 8, fields.masks
    pixel_bytes = tf.reshape(rows[:, : fields.width * size], [-1, fields.width, size])
    pixel_bytes = tf.pad(pixel_bytes, [[0, 0], [0, 0], [0, 4 - size]])
    pixels = tf.bitcast(tf.ensure_shape(pixel_bytes, [None, None, 4]), tf.uint32)[..., tf.newaxis]
    # The lowest set bit of a mask is where its channel begins.
    lowest = tf.maximum(tf.bitwise.bitwise_and(masks, tf.bitwise.invert(masks) + 1), 1)
    # Inspection admits masks of 16 bits at most, so that the products below fit 32.
    most = tf.cast(tf.maximum(masks // lowest, 1), tf.int32)
    values = tf.cast(tf.bitwise.bitwise_and(pixels, masks) // lowest, tf.int32)
    return (values * 510 + most) // tf.maximum(2 * most, 1)
