from __future__ import annotations

import contextlib
import random
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocessing.images import ImageFormat, ImageHeader, ImageLimits, ImageRefusedError, Refusal, inspect_image
from tests.preprocessing.made_images import (
    every_variant,
    exif_bytes,
    gif_bytes,
    jpeg_bytes,
    packed_pixels,
    photo,
    png_bytes,
    png_chunk,
    raw_bmp,
    raw_png,
    webp_bytes,
)

LIMITS = ImageLimits()
VARIANTS = dict(every_variant())
IMAGE = photo(45, 67)
SOF = b"\xff\xc0\x00\x11\x08"


def refusal(data: bytes, **limits) -> ImageRefusedError:
    with pytest.raises(ImageRefusedError) as caught:
        inspect_image(data, ImageLimits(**limits))
    return caught.value


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_accepted(name):
    header = inspect_image(VARIANTS[name], LIMITS)
    assert header.format == name.split("_", maxsplit=1)[0]


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (jpeg_bytes(IMAGE, orientation=6), ImageHeader(ImageFormat.JPEG, 45, 67, 3, 8, 6)),
        (jpeg_bytes(IMAGE, mode="L"), ImageHeader(ImageFormat.JPEG, 67, 45, 1, 8)),
        (jpeg_bytes(IMAGE, mode="CMYK"), ImageHeader(ImageFormat.JPEG, 67, 45, 4, 8)),
        (png_bytes(photo(5, 7, 4), orientation=8), ImageHeader(ImageFormat.PNG, 5, 7, 4, 8, 8)),
        (VARIANTS["png_type4_16bit"], ImageHeader(ImageFormat.PNG, 21, 13, 2, 16)),
        (VARIANTS["png_type3_2bit"], ImageHeader(ImageFormat.PNG, 21, 13, 3, 8)),
        (VARIANTS["png_type0_1bit_trns"], ImageHeader(ImageFormat.PNG, 21, 13, 2, 1)),
        (gif_bytes(IMAGE, frames=3), ImageHeader(ImageFormat.GIF, 67, 45, 3, 8, 1, 3)),
        (VARIANTS["gif_beyond_screen"], ImageHeader(ImageFormat.GIF, 29, 22, 3, 8)),
        (VARIANTS["bmp_alpha_v124"], ImageHeader(ImageFormat.BMP, 23, 17, 4, 8)),
        (webp_bytes(IMAGE, orientation=5), ImageHeader(ImageFormat.WEBP, 45, 67, 3, 8, 5)),
        (VARIANTS["webp_lossless_alpha"], ImageHeader(ImageFormat.WEBP, 58, 39, 4, 8)),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else f"{value.format}-{value.channels}-{value.orientation}",
)
def test_the_header_tells_what_is_stored(data, wanted):
    assert inspect_image(data, LIMITS) == wanted


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def jpeg_with(marker_byte: int | None = None, precision: int = 8, height: int = 45) -> bytes:
    data = jpeg_bytes(IMAGE)
    at = data.index(SOF)
    data = patched(data, at + 4, bytes([precision]) + struct.pack(">H", height))
    return data if marker_byte is None else patched(data, at + 1, bytes([marker_byte]))


def two_component_jpeg() -> bytes:
    data = jpeg_bytes(IMAGE)
    at = data.index(SOF)
    return (
        data[:at]
        + b"\xff\xc0\x00\x0e\x08"
        + data[at + 5 : at + 9]
        + b"\x02"
        + data[at + 10 : at + 16]
        + data[at + 19 :]
    )


def cmyk_without_adobe() -> bytes:
    data = jpeg_bytes(IMAGE, mode="CMYK")
    at = data.index(b"\xff\xee")
    return data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]


def exif_behind_tables() -> bytes:
    data, exif = jpeg_bytes(IMAGE), exif_bytes(6)
    at = data.index(SOF)
    return data[:at] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[at:]


def animated_webp() -> bytes:
    from PIL import Image

    return webp_bytes(IMAGE, save_all=True, append_images=[Image.fromarray(photo(45, 67, seed=3))])


def bmp_with(at: int, new: bytes, **options) -> bytes:
    pixels = packed_pixels(IMAGE, (0xFF0000, 0xFF00, 0xFF))
    return patched(raw_bmp(pixels, 24, **options), at, new)


PNG = png_bytes(IMAGE)
UNSUPPORTED = {
    "lossless_jpeg": (jpeg_with(0xC3), "lossless"),
    "hierarchical_jpeg": (jpeg_with(0xC5), "hierarchical"),
    "arithmetic_jpeg": (jpeg_with(0xC9), "arithmetic"),
    "12_bit_jpeg": (jpeg_with(precision=12), "12 bits"),
    "two_component_jpeg": (two_component_jpeg(), "2 components"),
    "fractional_sampling": (
        patched(jpeg_bytes(IMAGE), jpeg_bytes(IMAGE).index(SOF) + 11, b"\x31\x00\x02\x21"),
        "fractional",
    ),
    "cmyk_without_adobe": (cmyk_without_adobe(), "Adobe"),
    "exif_behind_tables": (exif_behind_tables(), "orientation"),
    "animated_webp": (animated_webp(), "animated"),
    "os2_bmp": (b"BM" + bytes(8) + struct.pack("<IIHHHH", 26, 12, 4, 4, 1, 24) + bytes(48), "OS/2"),
    "rle8_bmp": (bmp_with(30, b"\x01"), "RLE8"),
    "rle4_bmp": (bmp_with(30, b"\x02"), "RLE4"),
    "jpeg_in_bmp": (bmp_with(30, b"\x04"), "JPEG"),
    "2_bit_bmp": (bmp_with(28, b"\x02"), "2 bits"),
    "odd_mask_bmp": (raw_bmp(IMAGE[..., 0], 32, compression=3, masks=(0xF0F000, 0xFF, 0xF00)), "0x00f0f000"),
    "cgbi_png": (PNG[:8] + png_chunk(b"CgBI", bytes(4)) + PNG[8:], "CgBI"),
    "critical_chunk_png": (raw_png(IMAGE, 8, 2, chunks=[(b"ABCD", b"")]), "ABCD"),
    "exif_behind_png_data": (raw_png(IMAGE, 8, 2, after=[(b"eXIf", exif_bytes(3, prefix=False))]), "orientation"),
    "large_png_chunk": (raw_png(IMAGE, 8, 2, chunks=[(b"tEXt", bytes(8_000_001))]), "8000001"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported_variants_are_refused_by_name(name):
    data, named = UNSUPPORTED[name]
    error = refusal(data)
    assert error.reason is Refusal.UNSUPPORTED_VARIANT
    assert named in error.detail


FOREIGN = {
    "TIFF": b"II*\x00" + bytes(50),
    "HEIC": b"\x00\x00\x00\x18ftypheic" + bytes(50),
    "AVIF": b"\x00\x00\x00\x18ftypavif" + bytes(50),
    "JPEG XL": b"\x00\x00\x00\x0cJXL \r\n\x87\n" + bytes(50),
    "JPEG 2000": b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(50),
    "Photoshop": b"8BPS" + bytes(50),
    "SVG": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "icon": b"\x00\x00\x01\x00\x01\x00" + bytes(50),
    "PDF": b"%PDF-1.7\n%\xe2\xe3",
    "video": b"\x00\x00\x00\x18ftypmp42" + bytes(50),
    "ZIP": b"PK\x03\x04" + bytes(50),
    "HTML": b"<!DOCTYPE html><title>404</title>",
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\n",
    "text file": "grüße aus der datei".encode(),
    "zeros": bytes(1000),
    "no known image format": bytes(range(128, 200)),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_image_here_is_named(name):
    error = refusal(FOREIGN[name])
    assert error.reason is Refusal.UNKNOWN_FORMAT
    assert name in error.detail


CORRUPT = {
    "jpeg_without_height": jpeg_with(height=0),
    "jpeg_garbage_between_segments": jpeg_bytes(IMAGE)[:20] + b"garbage" + jpeg_bytes(IMAGE)[20:],
    "png_text_mode": PNG.replace(b"\r\n", b"\n"),
    "png_zero_width": patched(PNG, 16, bytes(4)),
    "png_3_bit": patched(PNG, 24, b"\x03"),
    "png_no_palette": raw_png(IMAGE[..., :1], 8, 3),
    "png_long_transparency": raw_png(IMAGE, 8, 2, chunks=[(b"tRNS", bytes(7))]),
    "png_no_data": PNG[:33] + png_chunk(b"IEND", b""),
    "gif_version": patched(gif_bytes(IMAGE), 4, b"8"),
    "gif_without_frame": gif_bytes(IMAGE)[:13] + bytes(192) + b"\x3b",
    "bmp_zero_width": bmp_with(18, bytes(4)),
    "bmp_header_size": bmp_with(14, b"\x29"),
    "bmp_pixels_in_header": bmp_with(10, b"\x05"),
    "webp_canvas": patched(webp_bytes(photo(9, 9, 4)), 24, b"\x05"),
}


@pytest.mark.parametrize("name", CORRUPT)
def test_damaged_headers_are_corrupt(name):
    assert refusal(CORRUPT[name]).reason is Refusal.CORRUPT


def test_no_bytes_are_empty():
    assert refusal(b"").reason is Refusal.EMPTY


@pytest.mark.parametrize("name", ["jpeg_q100", "png_pillow", "gif_still", "bmp_24bit", "webp_lossy"])
def test_every_cut_inside_a_header_is_noticed(name):
    data = VARIANTS[name]
    for cut in range(12, min(len(data) // 2, 200)):
        assert refusal(data[:cut]).reason in {Refusal.TRUNCATED, Refusal.CORRUPT}


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_bytes": 100}, Refusal.TOO_MANY_BYTES),
        ({"max_pixels": 67 * 45 - 1}, Refusal.TOO_MANY_PIXELS),
        ({"max_side": 66}, Refusal.TOO_LONG_SIDE),
        ({"min_side": 46}, Refusal.TOO_SMALL),
        ({"formats": ("png", "gif")}, Refusal.UNWANTED_FORMAT),
    ],
)
def test_limits_hold(limits, reason):
    data = jpeg_bytes(IMAGE)
    assert refusal(data, **limits).reason is reason
    edge = {"max_pixels": 67 * 45, "max_side": 67, "min_side": 45}
    inspect_image(data, ImageLimits(**edge))


def test_frames_are_limited():
    data = gif_bytes(IMAGE, frames=5)
    assert inspect_image(data, ImageLimits(max_frames=5)).frames == 5
    assert refusal(data, max_frames=4).reason is Refusal.TOO_MANY_FRAMES


def many_scans(count: int) -> bytes:
    """A progressive JPEG with its last scan repeated."""
    data = jpeg_bytes(photo(16, 16), progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


def test_scans_are_limited_and_counted_fast():
    inspect_image(many_scans(20), LIMITS)
    assert refusal(many_scans(60)).reason is Refusal.TOO_MANY_SCANS
    huge = many_scans(100_000)
    started = time.perf_counter()
    assert refusal(huge).reason is Refusal.TOO_MANY_SCANS
    assert time.perf_counter() - started < 0.5


def test_scans_in_thumbnails_and_appended_pictures_do_not_count():
    data = jpeg_bytes(IMAGE) + many_scans(100)
    comment = jpeg_bytes(IMAGE, comment=b"\xff\xda" * 100)
    video = jpeg_bytes(IMAGE) + random.Random(3).randbytes(20_000_000)
    inspect_image(data, LIMITS)
    inspect_image(video, LIMITS)
    inspect_image(comment, LIMITS)


def test_a_huge_png_is_refused_by_its_header_alone():
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 6, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", bytes(1_200_000))
        + png_chunk(b"IEND", b"")
    )
    started = time.perf_counter()
    assert refusal(data).reason is Refusal.TOO_LONG_SIDE
    assert refusal(data, max_side=65_535).reason is Refusal.TOO_MANY_PIXELS
    assert time.perf_counter() - started < 0.1


def test_a_large_jpeg_takes_milliseconds():
    data = jpeg_bytes(IMAGE)
    large = data[:-2] + b"\x12\xff\x00\x34" * 600_000 + data[-2:]
    started = time.perf_counter()
    inspect_image(large, LIMITS)
    assert time.perf_counter() - started < 0.05


def test_inspection_needs_neither_tensorflow_nor_numpy():
    code = "import sys, preprocessing.images; sys.exit(bool({'tensorflow', 'numpy', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False).returncode == 0


@settings(max_examples=300, deadline=None)
@given(
    start=st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"RIFF\xff\0\0\0WEBPVP8X"]),
    rest=st.binary(max_size=300),
)
def test_random_bytes_raise_nothing_else(start, rest):
    with contextlib.suppress(ImageRefusedError):
        inspect_image(start + rest, LIMITS)
