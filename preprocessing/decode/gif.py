"""GIF in the graph: the first frame, taken out of the file, on its canvas.

TensorFlow's decoder reads every frame into memory, knows no transparency and leaves a frame at its own size. So the
graph writes a new file that holds the first frame alone, with the background in place of the transparent colour,
decodes that, and lays the result on the canvas.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from preprocessing.decode.alpha import Background
from preprocessing.decode.byte_access import bytes_at, little_endian_16, require, slice_bytes
from preprocessing.decode.header import GraphHeader
from preprocessing.images.gif import MAX_SUB_BLOCKS

_SCREEN_END = 13
_EXTENSION, _IMAGE = 0x21, 0x2C
_GRAPHIC_CONTROL, _PLAIN_TEXT = 0xF9, 0x01
_TABLE_BYTES = 3 * 256
_NO_TRANSPARENCY = -1
# Encoders fill data sub-blocks up to 255 bytes, so with its length byte one takes 256; looking at this many lengths at
# once makes the loop short.
_SUB_BLOCK = 256
_LOOK_AHEAD = 64


class _Frame(NamedTuple):
    """Where the first frame stands; int32 scalars."""

    position: tf.Tensor
    transparent: tf.Tensor


def read_header(image_bytes: tf.Tensor) -> GraphHeader:
    """The size of the canvas; fails with `InvalidArgument` when no frame is found."""
    width, height = tf.unstack(_canvas(image_bytes, _find_frame(image_bytes).position))
    return GraphHeader(height, width, tf.constant(1), tf.constant(True))


def decode_rgb(image_bytes: tf.Tensor, background: Background) -> tf.Tensor:
    """`[canvas height, canvas width, 3]` uint8: the first frame, `background` where it is transparent or absent."""
    frame = _find_frame(image_bytes)
    left, top, width, height = tf.unstack(little_endian_16(image_bytes, frame.position + 1, 4))
    pixels = tf.image.decode_gif(_rewrite(image_bytes, frame, background))[0]
    canvas_width, canvas_height = tf.unstack(_canvas(image_bytes, frame.position))
    below, right = canvas_height - top - height, canvas_width - left - width

    def on_canvas() -> tf.Tensor:
        # Padding adds one value to all channels, so the background is taken off before and added after, modulo 256.
        colour = tf.constant(background, tf.uint8)
        return tf.pad(pixels - colour, [[top, below], [left, right], [0, 0]]) + colour

    fills = tf.equal(left + top + below + right, 0)
    return tf.ensure_shape(tf.cond(fills, lambda: pixels, on_canvas), [None, None, 3])


def _canvas(image_bytes: tf.Tensor, frame: tf.Tensor) -> tf.Tensor:
    """`[width, height]` int32: the logical screen, or larger where the frame reaches beyond it."""
    place = little_endian_16(image_bytes, frame + 1, 4)
    return tf.maximum(little_endian_16(image_bytes, 6, 2), place[:2] + place[2:])


def _table_bytes(flags: tf.Tensor) -> tf.Tensor:
    """Bytes of the colour table that a flags byte announces (GIF89a, sections 18 and 20)."""
    return tf.where(flags >= 0x80, tf.bitwise.left_shift(6, flags & 7), 0)


def _find_frame(image_bytes: tf.Tensor) -> _Frame:
    """The first image descriptor, and the transparent index that a graphic control extension gave it (section 23)."""
    flags = tf.cast(bytes_at(image_bytes, 10, 1)[0], tf.int32)

    def step(position: tf.Tensor, inside: tf.Tensor, transparent: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        data = tf.unstack(tf.cast(bytes_at(image_bytes, position, 7), tf.int32))
        introduces = ~inside & tf.equal(data[0], _EXTENSION)
        is_control = introduces & tf.equal(data[1], _GRAPHIC_CONTROL)
        given = tf.where(tf.not_equal(data[2], 0) & tf.equal(data[3] & 1, 1), data[6], _NO_TRANSPARENCY)
        transparent = tf.where(is_control, given, transparent)
        transparent = tf.where(introduces & tf.equal(data[1], _PLAIN_TEXT), _NO_TRANSPARENCY, transparent)
        # A sub-block of length 0 ends an extension.
        position += tf.where(inside, data[0] + 1, 2)
        return position, tf.where(inside, tf.not_equal(data[0], 0), introduces), transparent

    def goes_on(position: tf.Tensor, inside: tf.Tensor, transparent: tf.Tensor) -> tf.Tensor:
        del transparent
        kind = bytes_at(image_bytes, position, 1)[0]
        return (position < tf.strings.length(image_bytes)) & (inside | tf.equal(kind, _EXTENSION))

    position, _, transparent = tf.while_loop(
        goes_on,
        step,
        (_SCREEN_END + _table_bytes(flags), tf.constant(False), tf.constant(_NO_TRANSPARENCY)),
        parallel_iterations=1,
        maximum_iterations=2 * MAX_SUB_BLOCKS,
    )
    found = bytes_at(image_bytes, position, 1)[0]
    check = require(tf.equal(found, _IMAGE), "corrupt: the GIF has no frame where one should begin; found", [found])
    with tf.control_dependencies([check] if check is not None else []):
        return _Frame(tf.identity(position), transparent)


def _data_end(image_bytes: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """The byte behind the sub-block of length 0 that ends the data which begins at `start` (section 15)."""

    def step(position: tf.Tensor, ended: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        del ended
        ahead = tf.reshape(bytes_at(image_bytes, position, _SUB_BLOCK * _LOOK_AHEAD), [_LOOK_AHEAD, _SUB_BLOCK])
        sizes = tf.cast(ahead[:, 0], tf.int32)
        is_short = tf.not_equal(sizes, _SUB_BLOCK - 1)
        first_short = tf.argmax(is_short, output_type=tf.int32)
        size = sizes[first_short]
        # Without a short one among them, `size` is that of the first, and all are passed over.
        blocks = tf.where(is_short[first_short], first_short, _LOOK_AHEAD - 1)
        return position + _SUB_BLOCK * blocks + size + 1, tf.equal(size, 0)

    # Behind the end of the file sizes read as 0, which ends the loop.
    end, _ = tf.while_loop(
        lambda position, ended: ~ended,
        step,
        (start, tf.constant(False)),
        parallel_iterations=1,
        maximum_iterations=MAX_SUB_BLOCKS,
    )
    return end


def _rewrite(image_bytes: tf.Tensor, frame: _Frame, background: Background) -> tf.Tensor:
    """A GIF of the first frame alone, at the top left of a screen of its size."""
    size = slice_bytes(image_bytes, frame.position + 5, 4)
    global_flags = tf.cast(bytes_at(image_bytes, 10, 1)[0], tf.int32)
    flags = tf.cast(bytes_at(image_bytes, frame.position + 9, 1)[0], tf.int32)
    has_own_table = flags >= 0x80
    own_table = frame.position + 10
    table = slice_bytes(
        image_bytes,
        tf.where(has_own_table, own_table, _SCREEN_END),
        _table_bytes(tf.where(has_own_table, flags, global_flags)),
    )
    # Always 256 colours: indices beyond a shorter table are then black, where the decoder would fail.
    table = tf.strings.substr(tf.strings.join([table, tf.constant(bytes(_TABLE_BYTES))]), 0, _TABLE_BYTES)
    transparent = 3 * frame.transparent
    table = tf.cond(
        frame.transparent >= 0,
        lambda: tf.strings.join(
            [
                tf.strings.substr(table, 0, transparent),
                tf.constant(bytes(background)),
                tf.strings.substr(table, transparent + 3, _TABLE_BYTES),
            ]
        ),
        lambda: table,
    )
    data_start = own_table + _table_bytes(flags)
    data = slice_bytes(image_bytes, data_start, _data_end(image_bytes, data_start + 1) - data_start)
    interlace = tf.where(tf.equal(flags & 0x40, 0), b"\x00", b"\x40")
    return tf.strings.join(
        [b"GIF89a", size, b"\xf7\x00\x00", table, b"\x2c\x00\x00\x00\x00", size, interlace, data, b"\x3b"]
    )
