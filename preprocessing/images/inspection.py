"""The header rules: what is refused before anything is decoded."""

from __future__ import annotations

from collections.abc import Callable

from preprocessing.images.bmp import read_bmp_header
from preprocessing.images.errors import ImageRefusedError, Refusal
from preprocessing.images.gif import read_gif_header
from preprocessing.images.header import ImageFormat, ImageHeader
from preprocessing.images.jpeg import read_jpeg_header
from preprocessing.images.limits import ImageLimits
from preprocessing.images.png import read_png_header
from preprocessing.images.sniffing import describe_unknown, sniff_format
from preprocessing.images.webp import read_webp_header

_READERS: dict[ImageFormat, Callable[[bytes, ImageLimits], ImageHeader]] = {
    ImageFormat.JPEG: read_jpeg_header,
    ImageFormat.PNG: read_png_header,
    ImageFormat.GIF: read_gif_header,
    ImageFormat.BMP: read_bmp_header,
    ImageFormat.WEBP: read_webp_header,
}


def inspect_image(image_bytes: bytes, limits: ImageLimits) -> ImageHeader:
    """Sniff the format, read the header, and apply the limits, without decoding.

    Takes time in proportion to the number of segments, chunks or blocks, all of which are bounded: microseconds for
    usual files, milliseconds for a large animation.

    Raises:
        ImageRefusedError: the image is not decoded, and why; no other exception for any bytes.
    """
    if not image_bytes:
        raise ImageRefusedError(Refusal.EMPTY, "the file has no bytes")
    if len(image_bytes) > limits.max_bytes:
        raise ImageRefusedError(
            Refusal.TOO_MANY_BYTES, f"{len(image_bytes)} bytes; at most {limits.max_bytes} are accepted (max_bytes)"
        )
    image_format = sniff_format(image_bytes)
    if image_format is None:
        raise ImageRefusedError(Refusal.UNKNOWN_FORMAT, describe_unknown(image_bytes))
    if image_format not in limits.formats:
        wanted = ", ".join(limits.formats)
        raise ImageRefusedError(
            Refusal.UNWANTED_FORMAT, f"{image_format.value} is decoded, but only {wanted} is accepted here (formats)"
        )
    try:
        header = _READERS[image_format](image_bytes, limits)
    except IndexError as error:
        # The readers take bytes by position; a position behind the end means that the file is cut off.
        raise ImageRefusedError(
            Refusal.TRUNCATED, f"the file ends inside the {image_format.name} header, after {len(image_bytes)} bytes"
        ) from error
    _check_size(header, limits)
    return header


def _check_size(header: ImageHeader, limits: ImageLimits) -> None:
    width, height = header.width, header.height
    if not width or not height:
        raise ImageRefusedError(Refusal.CORRUPT, f"the header claims {width} x {height} pixels")
    if max(width, height) > limits.max_side:
        raise ImageRefusedError(
            Refusal.TOO_LONG_SIDE,
            f"{width} x {height} pixels; a side may have at most {limits.max_side} (max_side); scale it down",
        )
    if width * height > limits.max_pixels:
        raise ImageRefusedError(
            Refusal.TOO_MANY_PIXELS,
            f"{width} x {height} are {width * height} pixels; at most {limits.max_pixels} are accepted (max_pixels); "
            "scale it down",
        )
    if min(width, height) < limits.min_side:
        raise ImageRefusedError(
            Refusal.TOO_SMALL,
            f"{width} x {height} pixels; a side must have at least {limits.min_side} (min_side)",
        )
