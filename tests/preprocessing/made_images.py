"""Images of every kind, made from arrays, and what they should decode to.

Formats whose variants no library writes (PNG bit depths, BMP headers, GIF blocks) are put together here from their
specifications, so that a test knows the source pixels.
"""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from PIL import Image, ImageOps

BACKGROUND = (200, 30, 90)
ORIENTATION_TAG = 0x0112


def photo(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """`[height, width, channels]` uint8 (`[height, width]` for 1): smooth, a little noisy, no two corners alike."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for channel in range(channels):
        across, down = rng.uniform(0.02, 0.15, 2)
        wave = 110 + 60 * np.sin(x * across + channel) + 50 * np.cos(y * down + 2 * channel) + 30 * x / width
        planes.append(wave + rng.normal(0, 4, (height, width)))
    image = np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)
    return image[..., 0] if channels == 1 else image


def exif_bytes(orientation: int, *, little: bool = True, prefix: bool = True, before: int = 1) -> bytes:
    """Exif data with `before` other entries in front of the orientation."""
    order = "<" if little else ">"
    entries = [struct.pack(order + "HHI4s", 0x8000 + i, 3, 1, b"\x07\x00\x00\x07") for i in range(before)]
    entries.append(struct.pack(order + "HHIHH", ORIENTATION_TAG, 3, 1, orientation, 0))
    head = (b"II*\x00" if little else b"MM\x00*") + struct.pack(order + "IH", 8, len(entries))
    return (b"Exif\x00\x00" if prefix else b"") + head + b"".join(entries) + bytes(4)


def jpeg_bytes(array: np.ndarray, *, mode: str | None = None, orientation: int | None = None, **options) -> bytes:
    """A JPEG by Pillow; `mode` converts first (`L`, `CMYK`), `options` go to Pillow's writer."""
    image = Image.fromarray(array)
    if mode is not None:
        image = image.convert(mode)
    if orientation is not None:
        options["exif"] = exif_bytes(orientation)
    return _saved(image, "JPEG", **({"quality": 90} | options))


def png_bytes(array: np.ndarray, *, orientation: int | None = None, **options) -> bytes:
    """A PNG by Pillow of `[h, w]`, `[h, w, 3]` or `[h, w, 4]` uint8."""
    if orientation is not None:
        options["exif"] = exif_bytes(orientation)
    return _saved(Image.fromarray(array), "PNG", **options)


def webp_bytes(array: np.ndarray, *, orientation: int | None = None, **options) -> bytes:
    """A WebP by Pillow of `[h, w, 3]` or `[h, w, 4]` uint8."""
    if orientation is not None:
        options["exif"] = exif_bytes(orientation)
    return _saved(Image.fromarray(array), "WEBP", **options)


def gif_bytes(array: np.ndarray, *, frames: int = 1, **options) -> bytes:
    """A GIF by Pillow of `[h, w, 3]` uint8, in 64 colours; later frames are turned upside down."""
    first = Image.fromarray(array).quantize(64)
    more = [ImageOps.flip(Image.fromarray(array)).rotate(7 * i).quantize(64) for i in range(1, frames)]
    return _saved(first, "GIF", **options, **({"save_all": True, "append_images": more} if more else {}))


def _saved(image: Image.Image, image_format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


# PNG


def png_chunk(name: bytes, body: bytes) -> bytes:
    """A PNG chunk with its length and its checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def raw_png(
    samples: np.ndarray,
    bit_depth: int,
    colour_type: int,
    *,
    interlaced: bool = False,
    chunks: Sequence[tuple[bytes, bytes]] = (),
    after: Sequence[tuple[bytes, bytes]] = (),
    pieces: int = 1,
) -> bytes:
    """A PNG of `[h, w, samples for each pixel]` integers, with `chunks` before and `after` behind the image data."""
    height, width, _ = samples.shape
    passes = ((0, 0, 1, 1),)
    if interlaced:
        passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows: list[bytes] = []
    for left, top, across, down in passes:
        part = samples[top::down, left::across]
        if part.size:
            # Filter type 0: each row as it is.
            rows += [b"\x00" + row for row in _packed(part, bit_depth)]
    data = zlib.compress(b"".join(rows))
    cuts = [len(data) * i // pieces for i in range(pieces + 1)]
    header = struct.pack(">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, interlaced)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", header),
            *(png_chunk(name, body) for name, body in chunks),
            *(png_chunk(b"IDAT", data[a:b]) for a, b in itertools.pairwise(cuts)),
            *(png_chunk(name, body) for name, body in after),
            png_chunk(b"IEND", b""),
        ]
    )


def _packed(part: np.ndarray, bit_depth: int) -> list[bytes]:
    if bit_depth == 16:
        return [row.astype(">u2").tobytes() for row in part]
    if bit_depth == 8:
        return [row.astype(np.uint8).tobytes() for row in part]
    flat = part.reshape(part.shape[0], -1).astype(np.uint8)
    bits = np.unpackbits(flat[..., np.newaxis], axis=2)[..., 8 - bit_depth :]
    return [np.packbits(row).tobytes() for row in bits.reshape(part.shape[0], -1)]


# GIF


def lzw(indices: np.ndarray, code_size: int = 8) -> bytes:
    """GIF image data: literal codes with a clear code before the table would grow past one more bit."""
    clear, end = 1 << code_size, (1 << code_size) + 1
    codes: list[int] = []
    for count, index in enumerate(indices.ravel().tolist()):
        if count % ((1 << code_size) - 2) == 0:
            codes.append(clear)
        codes.append(index)
    codes.append(end)
    buffer, bits, packed = 0, 0, bytearray()
    for code in codes:
        buffer |= code << bits
        bits += code_size + 1
        while bits >= 8:
            packed.append(buffer & 255)
            buffer >>= 8
            bits -= 8
    if bits:
        packed.append(buffer & 255)
    blocks = [bytes(packed[i : i + 255]) for i in range(0, len(packed), 255)]
    return bytes([code_size]) + b"".join(bytes([len(block)]) + block for block in blocks) + b"\x00"


def raw_gif(
    indices: np.ndarray,
    palette: np.ndarray,
    *,
    screen: tuple[int, int] | None = None,
    offset: tuple[int, int] = (0, 0),
    transparent: int | None = None,
    local: bool = False,
    interlaced: bool = False,
    extensions: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A GIF of `[h, w]` palette indices and `[n, 3]` colours, n a power of two; `screen` and `offset` are (x, y)."""
    height, width = indices.shape
    screen = screen or (width, height)
    size = int(palette.shape[0]).bit_length() - 2
    table = palette.astype(np.uint8).tobytes()
    data = b"GIF89a" + struct.pack("<HHBBB", *screen, 0 if local else 0x80 | size, 0, 0)
    data += (b"" if local else table) + extensions
    if transparent is not None:
        data += b"\x21\xf9\x04" + struct.pack("<BHB", 1, 0, transparent) + b"\x00"
    flags = (0x80 | size if local else 0) | (0x40 if interlaced else 0)
    data += b"\x2c" + struct.pack("<HHHHB", *offset, width, height, flags) + (table if local else b"")
    if interlaced:
        order = [*range(0, height, 8), *range(4, height, 8), *range(2, height, 4), *range(1, height, 2)]
        indices = indices[order]
    return data + lzw(indices) + after + b"\x3b"


# BMP


def raw_bmp(
    pixels: np.ndarray,
    bits: int,
    *,
    header_size: int = 40,
    compression: int = 0,
    masks: Sequence[int] = (),
    palette: np.ndarray | None = None,
    top_down: bool = False,
    colours_used: int | None = None,
    gap: int = 0,
    pad_last_row: bool = True,
) -> bytes:
    """A BMP of `[h, w]` pixel values of `bits` bits, laid out as the file has them (blue in the lowest byte)."""
    height, width = pixels.shape
    stride = (width * bits + 31) // 32 * 4
    if bits >= 8:
        raw = pixels.astype("<u4").view(np.uint8).reshape(height, width, 4)[..., : bits // 8].reshape(height, -1)
    else:
        unpacked = np.unpackbits(pixels.astype(np.uint8)[..., np.newaxis], axis=2)[..., 8 - bits :]
        raw = np.packbits(unpacked.reshape(height, -1), axis=1)
    rows = [row.tobytes().ljust(stride, b"\xaa") for row in raw]
    if not top_down:
        rows = rows[::-1]
    if not pad_last_row:
        rows[-1] = rows[-1][: raw.shape[1]]
    table = b""
    if palette is not None:
        table = b"".join(bytes([int(b), int(g), int(r), 0]) for r, g, b in palette)
        colours_used = len(palette) if colours_used is None else colours_used
    header = struct.pack(
        "<IiiHHIIiiII",
        header_size,
        width,
        -height if top_down else height,
        1,
        bits,
        compression,
        0,
        2835,
        2835,
        colours_used or 0,
        0,
    )
    mask_bytes = b"".join(struct.pack("<I", mask) for mask in masks)
    body = (
        header + (mask_bytes if header_size == 40 else mask_bytes.ljust(header_size - 40, b"\x00")) + table + bytes(gap)
    )
    start = 14 + len(body)
    data = b"".join(rows)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + body + data


def packed_pixels(image: np.ndarray, masks: Sequence[int]) -> np.ndarray:
    """`[h, w]` pixel values of a `[h, w, c]` uint8 image under `c` masks, each channel cut to its mask's bits."""
    result = np.zeros(image.shape[:2], np.int64)
    for channel, mask in enumerate(masks):
        if mask:
            low = (mask & -mask).bit_length() - 1
            width = (mask >> low).bit_length()
            value = image[..., channel].astype(np.int64)
            result |= (value >> (8 - width) if width <= 8 else value << (width - 8)) << low
    return result


# All of it


def every_variant() -> Iterator[tuple[str, bytes]]:
    """`(name, bytes)` of every kind of image that Darkroom decodes, small and quick to make."""
    yield from _jpegs()
    yield from _pngs()
    yield from _gifs()
    yield from _bmps()
    yield from _webps()


def _jpegs() -> Iterator[tuple[str, bytes]]:
    image = photo(45, 67)
    for subsampling, name in enumerate(("444", "422", "420")):
        for progressive in (False, True):
            kind = "progressive" if progressive else "baseline"
            yield f"jpeg_{name}_{kind}", jpeg_bytes(image, subsampling=subsampling, progressive=progressive)
    for sampling in (0x411111, 0x121111):
        encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling])[1]
        yield f"jpeg_sampling_{sampling:x}", encoded.tobytes()
    yield "jpeg_q100", jpeg_bytes(image, quality=100)
    yield "jpeg_q10", jpeg_bytes(image, quality=10)
    yield "jpeg_restart", jpeg_bytes(image, restart_marker_blocks=2)
    yield "jpeg_grey", jpeg_bytes(image, mode="L")
    yield "jpeg_grey_progressive", jpeg_bytes(image, mode="L", progressive=True)
    yield "jpeg_cmyk", jpeg_bytes(image, mode="CMYK")
    yield "jpeg_rgb", jpeg_bytes(image, keep_rgb=True)
    yield "jpeg_comment", jpeg_bytes(image, comment=b"a comment \xff\xda\xff\xe1" * 9)
    yield "jpeg_1x1", jpeg_bytes(photo(1, 1))
    yield "jpeg_1x5000", jpeg_bytes(photo(1, 5000))
    yield "jpeg_trailing_bytes", jpeg_bytes(image) + b"\x00trailing" * 20
    for orientation in range(1, 9):
        yield f"jpeg_orientation_{orientation}", jpeg_bytes(image, orientation=orientation)


def _pngs() -> Iterator[tuple[str, bytes]]:
    rng = np.random.default_rng(5)
    for colour_type, depths, samples in (
        (0, (1, 2, 4, 8, 16), 1),
        (2, (8, 16), 3),
        (3, (1, 2, 4, 8), 1),
        (4, (8, 16), 2),
        (6, (8, 16), 4),
    ):
        for depth in depths:
            values = rng.integers(0, 1 << depth, (13, 21, samples))
            palette = rng.integers(0, 256, (1 << min(depth, 8), 3)).astype(np.uint8).tobytes()
            chunks = [(b"PLTE", palette)] if colour_type == 3 else []
            for interlaced in (False, True):
                suffix = "_interlaced" if interlaced else ""
                name = f"png_type{colour_type}_{depth}bit"
                yield name + suffix, raw_png(values, depth, colour_type, interlaced=interlaced, chunks=chunks)
                if colour_type == 3:
                    clear = bytes(range(0, 256, 256 // (1 << depth)))[: 1 << depth]
                elif colour_type in {0, 2}:
                    clear = b"".join(struct.pack(">H", int(v)) for v in values[3, 4])
                else:
                    continue
                yield (
                    name + "_trns" + suffix,
                    raw_png(values, depth, colour_type, interlaced=interlaced, chunks=[*chunks, (b"tRNS", clear)]),
                )
    image = photo(33, 50)
    yield "png_pillow", png_bytes(image)
    yield (
        "png_many_chunks",
        raw_png(image, 8, 2, chunks=[(b"tEXt", b"k\x00tRNS eXIf IDAT")] * 9, after=[(b"tEXt", b"k\x00eXIf")], pieces=5),
    )
    yield "png_1x1", png_bytes(photo(1, 1))
    yield "png_5000x1", png_bytes(photo(5000, 1))
    for orientation in range(1, 9):
        yield f"png_orientation_{orientation}", png_bytes(image, orientation=orientation)
    yield "png_rgba_orientation_6", png_bytes(photo(20, 31, 4), orientation=6)


def _gifs() -> Iterator[tuple[str, bytes]]:
    rng = np.random.default_rng(6)
    image = photo(40, 61)
    yield "gif_still", gif_bytes(image)
    yield "gif_animated", gif_bytes(image, frames=6, duration=50, loop=0)
    indices, palette = rng.integers(0, 16, (19, 27)), rng.integers(0, 256, (16, 3))
    comment = b"\x21\xfe\x05hello\x03abc\x00"
    for interlaced in (False, True):
        suffix = "_interlaced" if interlaced else ""
        yield "gif_global" + suffix, raw_gif(indices, palette, interlaced=interlaced)
        yield "gif_local" + suffix, raw_gif(indices, palette, local=True, interlaced=interlaced)
        yield "gif_transparent" + suffix, raw_gif(indices, palette, transparent=3, interlaced=interlaced)
        yield (
            "gif_small_frame" + suffix,
            raw_gif(
                indices,
                palette,
                screen=(40, 33),
                offset=(5, 9),
                transparent=0,
                interlaced=interlaced,
                extensions=comment,
            ),
        )
    yield "gif_beyond_screen", raw_gif(indices, palette, screen=(10, 10), offset=(2, 3))
    yield "gif_no_screen", raw_gif(indices, palette, screen=(0, 0))
    yield "gif_transparent_beyond_palette", raw_gif(indices % 4 + 13, palette[:16], transparent=200)
    yield "gif_large", raw_gif(rng.integers(0, 256, (150, 200)), rng.integers(0, 256, (256, 3)))
    yield "gif_1x1", raw_gif(indices[:1, :1], palette)


def _bmps() -> Iterator[tuple[str, bytes]]:
    rng = np.random.default_rng(7)
    image = photo(17, 23, 4)
    for top_down in (False, True):
        suffix = "_top_down" if top_down else ""
        for bits in (1, 4, 8):
            palette = rng.integers(0, 256, (1 << bits, 3))
            pixels = rng.integers(0, 1 << bits, (17, 23))
            yield f"bmp_{bits}bit" + suffix, raw_bmp(pixels, bits, palette=palette, top_down=top_down)
        yield (
            "bmp_short_palette" + suffix,
            raw_bmp(rng.integers(0, 10, (5, 7)), 8, palette=rng.integers(0, 256, (10, 3)), top_down=top_down),
        )
        yield "bmp_555" + suffix, raw_bmp(packed_pixels(image[..., :3], (0x7C00, 0x3E0, 0x1F)), 16, top_down=top_down)
        bgr = packed_pixels(image[..., :3], (0xFF0000, 0xFF00, 0xFF))
        yield "bmp_24bit" + suffix, raw_bmp(bgr, 24, top_down=top_down)
        yield "bmp_32bit" + suffix, raw_bmp(bgr | (image[..., 3].astype(np.int64) << 24), 32, top_down=top_down)
        for name, bits, masks in (
            ("565", 16, (0xF800, 0x7E0, 0x1F)),
            ("444", 16, (0xF00, 0xF0, 0xF)),
            ("rgbx", 32, (0xFF000000, 0xFF0000, 0xFF00)),
            ("101010", 32, (0x3FF00000, 0xFFC00, 0x3FF)),
        ):
            pixels = packed_pixels(image[..., :3], masks)
            for header_size in (40, 52, 124):
                yield (
                    f"bmp_{name}_v{header_size}" + suffix,
                    raw_bmp(pixels, bits, header_size=header_size, compression=3, masks=masks, top_down=top_down),
                )
        masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        for header_size in (56, 108, 124):
            yield (
                f"bmp_alpha_v{header_size}" + suffix,
                raw_bmp(
                    packed_pixels(image, masks),
                    32,
                    header_size=header_size,
                    compression=3,
                    masks=masks,
                    top_down=top_down,
                ),
            )
        masks = (0xF000, 0xF00, 0xF0, 0xF)
        yield (
            "bmp_4444" + suffix,
            raw_bmp(packed_pixels(image, masks), 16, compression=6, masks=masks, top_down=top_down),
        )
    opaque = image.copy()
    opaque[..., 3] = 0
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    yield "bmp_alpha_all_zero", raw_bmp(packed_pixels(opaque, masks), 32, header_size=124, compression=3, masks=masks)
    yield "bmp_gap", raw_bmp(bgr, 24, gap=10)
    yield "bmp_last_row_unpadded", raw_bmp(bgr, 24, pad_last_row=False, top_down=True)
    yield "bmp_1x1", raw_bmp(bgr[:1, :1], 24)
    yield "bmp_colours_used_unset", raw_bmp(pixels % 256, 8, palette=rng.integers(0, 256, (256, 3)), colours_used=0)


def _webps() -> Iterator[tuple[str, bytes]]:
    image, transparent = photo(39, 58), photo(39, 58, 4)
    yield "webp_lossy", webp_bytes(image, quality=80)
    yield "webp_lossless", webp_bytes(image, lossless=True)
    yield "webp_lossy_alpha", webp_bytes(transparent, quality=80)
    yield "webp_lossless_alpha", webp_bytes(transparent, lossless=True)
    yield "webp_profile", webp_bytes(image, icc_profile=b"profile" * 10)
    yield "webp_lossless_profile", webp_bytes(transparent, lossless=True, icc_profile=b"profile" * 10)
    yield "webp_1x1", webp_bytes(photo(1, 1))
    yield "webp_1x5000", webp_bytes(photo(1, 5000))
    for orientation in range(1, 9):
        yield f"webp_orientation_{orientation}", webp_bytes(image, orientation=orientation)
    yield "webp_alpha_orientation_8", webp_bytes(transparent, lossless=True, orientation=8)
