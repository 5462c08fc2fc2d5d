"""What an image's header says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ImageFormat(StrEnum):
    """The encodings that Darkroom decodes, named as in `image/format` and in the MIME type `image/<name>`."""

    JPEG = "jpeg"
    PNG = "png"
    GIF = "gif"
    BMP = "bmp"
    WEBP = "webp"


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """The facts that inspection reads without decoding.

    Attributes:
        format: the encoding, sniffed from the bytes and never from a name.
        width: in pixels, after the orientation is applied, so as a viewer shows it.
        height: in pixels, after the orientation is applied.
        channels: 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha, before conversion.
        bit_depth: bits for each channel as stored (of the palette's colours for an indexed image).
        orientation: the EXIF value, 1..8; 1 when there is none.
        frames: how many frames an animation has; 1 for a still.
    """

    format: ImageFormat
    width: int
    height: int
    channels: int
    bit_depth: int
    orientation: int = 1
    frames: int = 1
