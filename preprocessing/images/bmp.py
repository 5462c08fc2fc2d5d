"""BMP headers (Microsoft, "Bitmap Storage": BITMAPFILEHEADER, BITMAPINFOHEADER, BITMAPV4HEADER, BITMAPV5HEADER)."""

from __future__ import annotations

from preprocessing.images.errors import ImageRefusedError, Refusal
from preprocessing.images.header import ImageFormat, ImageHeader
from preprocessing.images.limits import ImageLimits

_FILE_HEADER = 14
_INFO_HEADER = 40
# BITMAPINFOHEADER, with masks (V2), with an alpha mask (V3), V4, V5.
_HEADER_SIZES = frozenset((_INFO_HEADER, 52, 56, 108, 124))
_OS2_SIZES = frozenset((12, 16, 64))
_FIRST_WITH_ALPHA_MASK = 56
_RGB, _RLE8, _RLE4, _BITFIELDS, _ALPHA_BITFIELDS = 0, 1, 2, 3, 6
_COMPRESSED: dict[int, str] = {_RLE8: "RLE8", _RLE4: "RLE4", 4: "JPEG", 5: "PNG"}
_SAVE_AGAIN = "save it again as an uncompressed BMP or as PNG"
# A channel of more bits has no use for 8-bit levels, and the graph computes exactly up to this.
_MAX_MASK_BITS = 16


def read_bmp_header(data: bytes, limits: ImageLimits) -> ImageHeader:
    """Read the headers and check that the pixels are all there.

    Raises:
        ImageRefusedError: a variant that is not decoded, or damage.
        IndexError: the data ends inside the header.
    """
    del limits
    header_size = _u32(data, _FILE_HEADER)
    if header_size in _OS2_SIZES:
        raise ImageRefusedError(
            Refusal.UNSUPPORTED_VARIANT, f"this is an OS/2 bitmap, which is not decoded; {_SAVE_AGAIN}"
        )
    if header_size not in _HEADER_SIZES:
        raise ImageRefusedError(Refusal.CORRUPT, f"the BMP's header claims {header_size} bytes, which no version has")
    width, signed_height = _i32(data, 18), _i32(data, 22)
    bits, compression = _u16(data, 28), _u32(data, 30)
    height = abs(signed_height)
    if width <= 0 or not height:
        raise ImageRefusedError(Refusal.CORRUPT, f"the BMP's header claims {width} x {signed_height} pixels")
    if compression in _COMPRESSED:
        raise ImageRefusedError(
            Refusal.UNSUPPORTED_VARIANT,
            f"a BMP with {_COMPRESSED[compression]} compression is not decoded; {_SAVE_AGAIN}",
        )
    has_masks = compression in {_BITFIELDS, _ALPHA_BITFIELDS}
    depths = (16, 32) if has_masks else (1, 4, 8, 16, 24, 32)
    if compression not in {_RGB, _BITFIELDS, _ALPHA_BITFIELDS} or bits not in depths:
        raise ImageRefusedError(
            Refusal.UNSUPPORTED_VARIANT,
            f"a BMP with {bits} bits for each pixel and compression {compression} is not decoded; {_SAVE_AGAIN}",
        )
    has_alpha, header_end = False, _FILE_HEADER + header_size
    if has_masks:
        has_alpha = _check_masks(data, header_size, bits, compression)
        if header_size == _INFO_HEADER:
            header_end += 16 if compression == _ALPHA_BITFIELDS else 12
    start = _u32(data, 10)
    if start < header_end:
        raise ImageRefusedError(Refusal.CORRUPT, f"the BMP's pixels would begin at byte {start}, inside its header")
    # Rows are padded to four bytes; some writers leave the padding of the last one out.
    stride = (width * bits + 31) // 32 * 4
    end = start + stride * (height - 1) + (width * bits + 7) // 8
    if end > len(data):
        raise ImageRefusedError(
            Refusal.TRUNCATED, f"the BMP needs {end} bytes for {width} x {height} pixels and has {len(data)}"
        )
    return ImageHeader(ImageFormat.BMP, width, height, channels=4 if has_alpha else 3, bit_depth=8)


def _check_masks(data: bytes, header_size: int, bits: int, compression: int) -> bool:
    """Whether there is an alpha mask, after checking that each mask is one run of bits."""
    has_alpha_mask = header_size >= _FIRST_WITH_ALPHA_MASK or compression == _ALPHA_BITFIELDS
    if compression == _ALPHA_BITFIELDS and header_size not in {_INFO_HEADER, *range(_FIRST_WITH_ALPHA_MASK, 125)}:
        raise ImageRefusedError(
            Refusal.UNSUPPORTED_VARIANT, f"a BMP with an alpha mask outside its header; {_SAVE_AGAIN}"
        )
    # Directly behind the 40 bytes of BITMAPINFOHEADER, whether they count as header or not.
    masks = [_u32(data, _FILE_HEADER + _INFO_HEADER + 4 * i) for i in range(4 if has_alpha_mask else 3)]
    for mask in masks:
        run = mask >> ((mask & -mask).bit_length() - 1) if mask else 0
        if run & (run + 1) or run.bit_length() > _MAX_MASK_BITS or mask.bit_length() > bits:
            raise ImageRefusedError(
                Refusal.UNSUPPORTED_VARIANT, f"a BMP with the colour mask 0x{mask:08x} is not decoded; {_SAVE_AGAIN}"
            )
    if not all(masks[:3]):
        raise ImageRefusedError(Refusal.UNSUPPORTED_VARIANT, f"a BMP without a mask for each colour; {_SAVE_AGAIN}")
    return has_alpha_mask and masks[3] != 0


def _u16(data: bytes, at: int) -> int:
    return data[at] | data[at + 1] << 8


def _u32(data: bytes, at: int) -> int:
    return _u16(data, at) | _u16(data, at + 2) << 16


def _i32(data: bytes, at: int) -> int:
    value = _u32(data, at)
    return value - 2**32 if value >= 2**31 else value
