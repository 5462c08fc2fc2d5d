"""PNG headers (W3C Portable Network Graphics Specification, third edition)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from preprocessing.images.errors import ImageRefusedError, Refusal
from preprocessing.images.exif import read_orientation, upright_size
from preprocessing.images.header import ImageFormat, ImageHeader
from preprocessing.images.limits import ImageLimits

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
# Section 11.2.1, table 12.
BIT_DEPTHS: dict[int, tuple[int, ...]] = {
    GREY: (1, 2, 4, 8, 16),
    RGB: (8, 16),
    PALETTE: (1, 2, 4, 8),
    GREY_ALPHA: (8, 16),
    RGB_ALPHA: (8, 16),
}
SAMPLES: dict[int, int] = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}
# Sizes of the tRNS chunk by colour type (section 11.3.1.1); a palette has one byte for each entry at most.
_TRANSPARENCY_SIZES: dict[int, int] = {GREY: 2, RGB: 6}
_HEADER_BYTES = 13
# Encoders write at most about 30 chunks before the image data.
MAX_CHUNKS_BEFORE_DATA = 1024
# 32 MiB of image data in libpng's 8 KiB pieces are 4,096 chunks.
MAX_CHUNKS = 65_536
# libpng refuses to hold a larger chunk of anything but image data (PNG_USER_CHUNK_MALLOC_MAX).
MAX_CHUNK_BYTES = 8_000_000


class Chunk(NamedTuple):
    """One chunk: its name, where its data starts, and how many bytes it has."""

    name: bytes
    start: int
    length: int


def walk_chunks(data: bytes) -> Iterator[Chunk]:
    """Every chunk up to and with IEND.

    Raises:
        ImageRefusedError: a chunk is cut off, its name is impossible, or there are more than `MAX_CHUNKS`.
    """
    position = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        length, name = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        if len(name) < 4:
            raise ImageRefusedError(Refusal.TRUNCATED, f"the PNG ends at byte {len(data)}, before its IEND chunk")
        if not (name.isalpha() and name.isascii()):
            raise ImageRefusedError(Refusal.CORRUPT, f"the PNG has no chunk at byte {position} where one should begin")
        if position + 12 + length > len(data):
            raise ImageRefusedError(
                Refusal.TRUNCATED, f"the file ends inside the PNG chunk {name.decode()} at byte {position}"
            )
        yield Chunk(name, position + 8, length)
        if name == b"IEND":
            return
        position += 12 + length
    raise ImageRefusedError(Refusal.UNSUPPORTED_VARIANT, f"more than {MAX_CHUNKS} PNG chunks; save it again")


def read_png_header(data: bytes, limits: ImageLimits) -> ImageHeader:
    """Read the chunks before the image data, and find where the rest say how to turn the image.

    Raises:
        ImageRefusedError: a damaged header, or a variant that is not decoded.
        IndexError: the data ends inside the header.
    """
    del limits
    if not data.startswith(SIGNATURE):
        if SIGNATURE.startswith(data):
            raise ImageRefusedError(Refusal.TRUNCATED, "the file ends inside the PNG signature")
        raise ImageRefusedError(
            Refusal.CORRUPT, "the PNG signature is damaged, as a transfer in text mode does; get the file again"
        )
    if data[12:16] == b"CgBI":
        raise ImageRefusedError(
            Refusal.UNSUPPORTED_VARIANT, "this is Apple's CgBI variant of PNG; save it again as a standard PNG"
        )
    if data[8:16] != b"\x00\x00\x00\x0dIHDR" or len(data) < 33:
        raise ImageRefusedError(
            Refusal.TRUNCATED if len(data) < 33 else Refusal.CORRUPT, "the PNG does not begin with its IHDR chunk"
        )
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    bit_depth, colour_type, compression, filtering, interlace = data[24:29]
    if bit_depth not in BIT_DEPTHS.get(colour_type, ()):
        raise ImageRefusedError(
            Refusal.CORRUPT, f"PNG has no colour type {colour_type} with {bit_depth} bits for each sample"
        )
    if compression or filtering or interlace > 1:
        raise ImageRefusedError(
            Refusal.CORRUPT,
            f"the PNG's compression {compression}, filter {filtering} or interlace {interlace} method does not exist",
        )
    orientation, has_transparency = _read_chunks(data, colour_type)
    channels = {GREY: 1, RGB: 3, PALETTE: 3, GREY_ALPHA: 2, RGB_ALPHA: 4}[colour_type]
    if has_transparency:
        channels += 1
    width, height = upright_size(width, height, orientation)
    # A palette's colours always have 8 bits, however few its indices have.
    depth = 8 if colour_type == PALETTE else bit_depth
    return ImageHeader(ImageFormat.PNG, width, height, channels, depth, orientation)


def _read_chunks(data: bytes, colour_type: int) -> tuple[int, bool]:
    """`(orientation, has tRNS)`, after checking what the decoder would fail on or pass over."""
    orientation, has_exif, has_transparency = 1, False, False
    palette_entries = 0
    before_data = 0
    in_data = False
    for chunk in walk_chunks(data):
        if chunk.length > MAX_CHUNK_BYTES and chunk.name != b"IDAT":
            raise ImageRefusedError(
                Refusal.UNSUPPORTED_VARIANT,
                f"the PNG chunk {chunk.name.decode()} has {chunk.length} bytes, at most {MAX_CHUNK_BYTES} are read",
            )
        if chunk.name == b"IDAT":
            in_data = True
            continue
        if chunk.name == b"IEND":
            break
        before_data += not in_data
        if before_data > MAX_CHUNKS_BEFORE_DATA:
            raise ImageRefusedError(
                Refusal.UNSUPPORTED_VARIANT, f"more than {MAX_CHUNKS_BEFORE_DATA} chunks before the PNG's image data"
            )
        if chunk.name == b"PLTE" and not in_data:
            palette_entries = _check_palette(chunk, colour_type, palette_entries)
        elif chunk.name == b"tRNS" and not in_data:
            _check_transparency(chunk, colour_type, palette_entries, has_transparency)
            has_transparency = True
        elif chunk.name == b"eXIf" and not has_exif:
            found = read_orientation(data[chunk.start : chunk.start + chunk.length])
            if in_data and found != 1:
                # Allowed (section 11.3.3.1), but to find it the graph would have to walk through all image data.
                raise ImageRefusedError(
                    Refusal.UNSUPPORTED_VARIANT,
                    "the PNG's eXIf chunk with its orientation stands behind the image data, where few programs look; "
                    "turn the pixels upright and save it again",
                )
            orientation, has_exif = found, True
        elif chunk.name[0] & 0x20 == 0 and chunk.name not in {b"IHDR", b"PLTE"}:
            raise ImageRefusedError(
                Refusal.UNSUPPORTED_VARIANT, f"the PNG needs the unknown chunk {chunk.name.decode()} to be understood"
            )
    if not in_data:
        raise ImageRefusedError(Refusal.CORRUPT, "the PNG has no image data")
    if colour_type == PALETTE and not palette_entries:
        raise ImageRefusedError(Refusal.CORRUPT, "the PNG has palette indices but no palette before its image data")
    return orientation, has_transparency


def _check_palette(chunk: Chunk, colour_type: int, earlier_entries: int) -> int:
    entries, rest = divmod(chunk.length, 3)
    if rest or not 1 <= entries <= 256 or earlier_entries or colour_type in {GREY, GREY_ALPHA}:
        raise ImageRefusedError(
            Refusal.CORRUPT, f"the PNG's palette of {chunk.length} bytes is misplaced, repeated or of a wrong size"
        )
    return entries


def _check_transparency(chunk: Chunk, colour_type: int, palette_entries: int, repeated: bool) -> None:
    # libpng would leave out a wrong tRNS chunk with a warning, and the image would come out opaque.
    wanted = _TRANSPARENCY_SIZES.get(colour_type)
    fits = chunk.length == wanted if colour_type != PALETTE else 1 <= chunk.length <= palette_entries
    if repeated or not fits:
        raise ImageRefusedError(
            Refusal.CORRUPT, f"the PNG's tRNS chunk of {chunk.length} bytes is misplaced, repeated or of a wrong size"
        )
