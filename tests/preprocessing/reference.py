"""What an image should decode to, by libraries that are not TensorFlow."""

from __future__ import annotations

import io
import struct

import cv2
import numpy as np
from PIL import Image, ImageOps

from tests.preprocessing.made_images import BACKGROUND


def reference_pixels(data: bytes, background: tuple[int, int, int] = BACKGROUND) -> np.ndarray:
    """`[h, w, 3]` float64, 0..255, upright, over `background`: by Pillow, or where it can't, by OpenCV or by hand."""
    if data[:4] == b"\x89PNG" and data[24] == 16:
        rgba = _png_16(data)
    elif data[:2] == b"BM":
        rgba = _bmp(data)
    elif data[:3] == b"GIF":
        rgba = _gif(data)
    else:
        with Image.open(io.BytesIO(data)) as image:
            upright = ImageOps.exif_transpose(image)
            rgba = np.asarray(_to_rgba(upright), np.float64)
    alpha = rgba[..., 3:] / 255
    return rgba[..., :3] * alpha + np.asarray(background, np.float64) * (1 - alpha)


def _to_rgba(image: Image.Image) -> Image.Image:
    if image.mode == "CMYK":
        return image.convert("RGB").convert("RGBA")
    return image.convert("RGBA")


def _png_16(data: bytes) -> np.ndarray:
    samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert samples.dtype == np.uint16
    if samples.ndim == 2:
        samples = np.repeat(samples[..., np.newaxis], 3, axis=2)
    rgb = samples[..., 2::-1].astype(np.float64)
    alpha = samples[..., 3:] if samples.shape[2] == 4 else np.full((*samples.shape[:2], 1), 65535)
    if (at := data.find(b"tRNS")) > 0:
        colour_type = data[25]
        clear = struct.unpack_from(">H" if colour_type == 0 else ">3H", data, at + 4)
        alpha = np.where(np.all(rgb == np.asarray(clear), axis=2, keepdims=True), 0, 65535)
    return np.concatenate([rgb, alpha], axis=2) / 257


def _bmp(data: bytes) -> np.ndarray:
    """By hand and pixel for pixel: Pillow knows few masks and OpenCV fewer."""
    header, width, height, _, bits, compression = struct.unpack_from("<IiiHHI", data, 14)
    start, used = struct.unpack_from("<I", data, 10)[0], struct.unpack_from("<I", data, 46)[0]
    stride = (width * bits + 31) // 32 * 4
    result = np.zeros((abs(height), width, 4))
    masks = [0x7C00, 0x3E0, 0x1F, 0] if bits == 16 else [0xFF0000, 0xFF00, 0xFF, 0]
    if compression:
        masks = list(struct.unpack_from("<4I", data, 54))
        if header < 56 and compression == 3:
            masks[3] = 0
    for row in range(abs(height)):
        line = int.from_bytes(data[start + row * stride : start + (row + 1) * stride].ljust(stride, b"\0"), "big")
        y = row if height < 0 else height - 1 - row
        for x in range(width):
            if bits <= 8:
                index = line >> (stride * 8 - (x + 1) * bits) & ((1 << bits) - 1)
                at = 14 + header + 4 * index
                result[y, x] = (data[at + 2], data[at + 1], data[at], 255)
                continue
            at = start + row * stride + x * bits // 8
            value = int.from_bytes(data[at : at + bits // 8], "little")
            for channel, mask in enumerate(masks):
                low = mask & -mask or 1
                result[y, x, channel] = round((value & mask) // low * 255 / max(mask // low, 1)) if mask else 0
            result[y, x, 3] = result[y, x, 3] if masks[3] else 255
    assert used <= 256
    if not result[..., 3].any():
        result[..., 3] = 255
    return result


def _gif(data: bytes) -> np.ndarray:
    """The frame by Pillow; the canvas by hand, because Pillow fills it with the palette's first colour."""
    with Image.open(io.BytesIO(data)) as image:
        left, top, right, bottom = image.tile[0].extents
        image.load()
        canvas = np.zeros((max(image.height, bottom), max(image.width, right), 4))
        frame = np.asarray(image.convert("RGBA"), np.float64)
        canvas[top:bottom, left:right] = frame[top:bottom, left:right]
    return canvas
