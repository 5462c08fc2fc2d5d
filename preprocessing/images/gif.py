"""GIF blocks (CompuServe GIF89a specification)."""

from __future__ import annotations

from dataclasses import dataclass

from preprocessing.images.errors import ImageRefusedError, Refusal
from preprocessing.images.header import ImageFormat, ImageHeader
from preprocessing.images.limits import ImageLimits

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_GRAPHIC_CONTROL, _PLAIN_TEXT = 0xF9, 0x01
# 100 MB of full sub-blocks; a file that cuts its data into single bytes would only cost time.
MAX_SUB_BLOCKS = 400_000


@dataclass(slots=True)
class _First:
    """The first frame, as far as the header needs it."""

    right: int = 0
    bottom: int = 0
    is_transparent: bool = False


def read_gif_header(data: bytes, limits: ImageLimits) -> ImageHeader:
    """Walk all blocks, without decompressing any.

    The canvas is the logical screen, or larger where the first frame reaches beyond it.

    Raises:
        ImageRefusedError: damage, no frame, or more than `limits.max_frames` frames.
        IndexError: the data ends inside a block.
    """
    if data[:6] not in {b"GIF87a", b"GIF89a"}:
        raise ImageRefusedError(
            Refusal.TRUNCATED if len(data) < 6 else Refusal.CORRUPT,
            f"the GIF's version is {data[3:6]!r}; only 87a and 89a exist",
        )
    screen_width, screen_height = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    flags = data[10]
    has_global_table = bool(flags & 0x80)
    first = _First()
    frames = _walk_blocks(data, 13 + _table_bytes(flags), has_global_table, first, limits.max_frames)
    width, height = max(screen_width, first.right), max(screen_height, first.bottom)
    # What the first frame leaves of the canvas is transparent as well.
    return ImageHeader(
        ImageFormat.GIF, width, height, channels=4 if first.is_transparent else 3, bit_depth=8, frames=frames
    )


def _table_bytes(flags: int) -> int:
    """Bytes of the colour table that a flags byte announces (sections 18 and 20)."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _walk_blocks(data: bytes, position: int, has_global_table: bool, first: _First, max_frames: int) -> int:
    """Fill `first` and return how many frames there are."""
    frames = 0
    budget = MAX_SUB_BLOCKS
    is_transparent = False
    while position < len(data) or not frames:
        kind = data[position]
        if kind == _EXTENSION:
            if not frames and data[position + 1] == _GRAPHIC_CONTROL:
                is_transparent = bool(data[position + 3] & 1) if data[position + 2] else False
            elif not frames and data[position + 1] == _PLAIN_TEXT:
                is_transparent = False  # the text used it up (section 23)
            position, budget = _skip_sub_blocks(data, position + 2, budget)
        elif kind == _IMAGE:
            flags = data[position + 9]
            if not frames:
                _read_first(data, position, has_global_table, first)
                first.is_transparent = is_transparent
            position, budget = _skip_sub_blocks(data, position + 11 + _table_bytes(flags), budget)
            frames += 1
            if frames > max_frames:
                raise ImageRefusedError(
                    Refusal.TOO_MANY_FRAMES,
                    f"the GIF has more than {max_frames} frames, of which only the first is used",
                )
        elif kind == _TRAILER or frames:
            # Behind the last frame, writers leave padding; browsers stop there too.
            break
        else:
            raise ImageRefusedError(Refusal.CORRUPT, f"byte {position} of the GIF begins no block: 0x{kind:02x}")
    if not frames:
        raise ImageRefusedError(Refusal.CORRUPT, "the GIF has no frame")
    return frames


def _read_first(data: bytes, position: int, has_global_table: bool, first: _First) -> None:
    left, top, width, height = (
        int.from_bytes(data[position + at : position + at + 2], "little") for at in (1, 3, 5, 7)
    )
    if not width or not height:
        raise ImageRefusedError(Refusal.CORRUPT, f"the GIF's first frame has {width} x {height} pixels")
    flags = data[position + 9]
    if not has_global_table and not flags & 0x80:
        raise ImageRefusedError(Refusal.CORRUPT, "the GIF's first frame has no colour table")
    code_size = data[position + 10 + _table_bytes(flags)]
    if not 1 <= code_size <= 8:
        raise ImageRefusedError(Refusal.CORRUPT, f"the GIF's code size is {code_size}; 2 to 8 are possible")
    first.right, first.bottom = left + width, top + height


def _skip_sub_blocks(data: bytes, position: int, budget: int) -> tuple[int, int]:
    """`(the byte after the terminator, how many more sub-blocks may follow)` (section 15)."""
    while size := data[position]:
        position += size + 1
        budget -= 1
        if budget < 0:
            raise ImageRefusedError(
                Refusal.UNSUPPORTED_VARIANT, f"the GIF has more than {MAX_SUB_BLOCKS} data blocks; save it again"
            )
    return position + 1, budget
