"""WebP containers (RFC 9649) and the headers of the two bitstreams inside (RFC 6386 for lossy)."""

from __future__ import annotations

from collections.abc import Iterator

from preprocessing.images.errors import ImageRefusedError, Refusal
from preprocessing.images.exif import read_orientation, upright_size
from preprocessing.images.header import ImageFormat, ImageHeader
from preprocessing.images.limits import ImageLimits

_ANIMATION, _EXIF, _ALPHA = 0x02, 0x08, 0x10
# A still has an ICC profile, alpha, an image, Exif and XMP; the rest are unknown chunks that readers skip.
MAX_CHUNKS = 256


def read_webp_header(data: bytes, limits: ImageLimits) -> ImageHeader:
    """Read the chunks' headers.

    Raises:
        ImageRefusedError: an animation, or damage.
        IndexError: the data ends inside the header.
    """
    del limits
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise ImageRefusedError(Refusal.TRUNCATED, f"the WebP file should have {end} bytes and has {len(data)}")
    chunks = _walk_chunks(data, end)
    name, start, length = next(chunks)
    flags = 0
    canvas: tuple[int, int] | None = None
    if name == b"VP8X":
        if length < 10:
            raise ImageRefusedError(Refusal.CORRUPT, f"the WebP's VP8X chunk has {length} bytes instead of 10")
        flags = data[start]
        canvas = (
            1 + int.from_bytes(data[start + 4 : start + 7], "little"),
            1 + int.from_bytes(data[start + 7 : start + 10], "little"),
        )
        if flags & _ANIMATION:
            raise ImageRefusedError(
                Refusal.UNSUPPORTED_VARIANT, "an animated WebP is not decoded; save one frame of it as a still image"
            )
        name, start, length = next(chunks)
    has_alpha_chunk = False
    while name not in {b"VP8 ", b"VP8L"}:
        if canvas is None:
            raise ImageRefusedError(Refusal.CORRUPT, f"the WebP begins with the chunk {name!r} instead of an image")
        has_alpha_chunk |= name == b"ALPH"
        name, start, length = next(chunks)
    width, height, has_alpha = (
        _read_lossy(data, start, length) if name == b"VP8 " else _read_lossless(data, start, length)
    )
    if name == b"VP8 ":
        has_alpha = has_alpha_chunk or bool(flags & _ALPHA)
    if canvas is not None and canvas != (width, height):
        raise ImageRefusedError(
            Refusal.CORRUPT, f"the WebP's canvas is {canvas[0]} x {canvas[1]} and its image {width} x {height} pixels"
        )
    orientation = _find_orientation(data, chunks) if flags & _EXIF else 1
    width, height = upright_size(width, height, orientation)
    return ImageHeader(ImageFormat.WEBP, width, height, 4 if has_alpha else 3, 8, orientation)


def _walk_chunks(data: bytes, end: int) -> Iterator[tuple[bytes, int, int]]:
    """`(name, start of the data, length)` of each chunk (RFC 9649, section 2.3)."""
    position = 12
    for _ in range(MAX_CHUNKS):
        if position + 8 > end:
            raise ImageRefusedError(Refusal.CORRUPT, "the WebP has no image where its chunks end")
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        if position + 8 + length > end:
            raise ImageRefusedError(
                Refusal.CORRUPT, f"the WebP's chunk at byte {position} reaches beyond the end of the file"
            )
        yield data[position : position + 4], position + 8, length
        position += 8 + length + length % 2
    raise ImageRefusedError(Refusal.UNSUPPORTED_VARIANT, f"more than {MAX_CHUNKS} chunks in the WebP; save it again")


def _read_lossy(data: bytes, start: int, length: int) -> tuple[int, int, bool]:
    # RFC 6386, section 9.1: a three-byte tag whose lowest bit is 0 for a key frame, a start code, then the size.
    if length < 10 or data[start] & 1 or data[start + 3 : start + 6] != b"\x9d\x01\x2a":
        raise ImageRefusedError(Refusal.CORRUPT, "the WebP's lossy image does not begin with a key frame")
    width = int.from_bytes(data[start + 6 : start + 8], "little") & 0x3FFF
    height = int.from_bytes(data[start + 8 : start + 10], "little") & 0x3FFF
    return width, height, False


def _read_lossless(data: bytes, start: int, length: int) -> tuple[int, int, bool]:
    # RFC 9649, section 3.4: a signature, 14 bits of width and 14 of height less one, an alpha hint, three version bits.
    if length < 5 or data[start] != 0x2F or data[start + 4] >> 5:
        raise ImageRefusedError(Refusal.CORRUPT, "the WebP's lossless image does not begin with its signature")
    bits = int.from_bytes(data[start + 1 : start + 5], "little")
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bool(bits >> 28 & 1)


def _find_orientation(data: bytes, chunks: Iterator[tuple[bytes, int, int]]) -> int:
    """The orientation in the EXIF chunk behind the image; the flag promised that there is one."""
    for name, start, length in chunks:
        if name == b"EXIF":
            return read_orientation(data[start : start + length])
    return 1
