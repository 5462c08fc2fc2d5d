"""JPEG headers (ITU-T T.81), as far as they decide whether and how a file decodes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from preprocessing.images.errors import ImageRefusedError, Refusal
from preprocessing.images.exif import EXIF_PREFIX, read_orientation, upright_size
from preprocessing.images.header import ImageFormat, ImageHeader
from preprocessing.images.limits import ImageLimits

_STANDALONE = frozenset((0x01, *range(0xD0, 0xD8)))
_EOI, _SOS, _DHT, _DAC, _APP1, _APP14, _COM = 0xD9, 0xDA, 0xC4, 0xCC, 0xE1, 0xEE, 0xFE
_DECODABLE_FRAMES = frozenset((0xC0, 0xC1, 0xC2))
# Frame types of T.81 table B.1, and of JPEG-LS (T.87), that the decoder lacks.
_REFUSED_FRAMES: dict[int, str] = {
    0xC3: "a lossless JPEG",
    **dict.fromkeys((0xC5, 0xC6, 0xC7), "a hierarchical JPEG"),
    **dict.fromkeys((0xC9, 0xCA, 0xCB), "an arithmetic-coded JPEG"),
    **dict.fromkeys((0xCD, 0xCE, 0xCF), "a hierarchical, arithmetic-coded JPEG"),
    0xC8: "a JPEG of a reserved type",
    0xF7: "a JPEG-LS image",
}
_SAVE_AGAIN = "save it again as a baseline JPEG or as PNG"
# Cameras write up to about 50 segments; a large colour profile or depth map adds a few hundred.
MAX_SEGMENTS = 4096
# In entropy-coded data 0xFF is followed by 0 (stuffing) or a restart marker; anything else ends the scan
# (T.81, B.1.1.5).
_SCAN_END = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


START_OF_SCAN = b"\xff\xda"
_WORTH_NUMPY = 16_384


def most_scan_markers(size: int, limits: ImageLimits) -> int:
    """How often `START_OF_SCAN` may occur in a JPEG file of `size` bytes, wherever it stands.

    The graph counts occurrences and nothing more. Thumbnails, depth maps and appended pictures bring scans of their
    own; in a video appended by a phone the two bytes turn up by chance, once in 65,536 bytes, and four times that never
    happens. Works on Python integers and on int32 tensors alike.
    """
    return limits.max_scans + 192 + size // 16_384


def count_scan_starts(data: bytes) -> int:
    """How often `START_OF_SCAN` occurs.

    Photographs are full of 0xFF, at which `bytes.count` stops and looks: NumPy compares in a seventh of its time.
    """
    if len(data) < _WORTH_NUMPY:
        return data.count(START_OF_SCAN)
    import numpy as np  # noqa: PLC0415 - small images, and other formats, do without

    wanted = int.from_bytes(START_OF_SCAN, "little")
    # Pairs of bytes from the first one on, and from the second one on.
    views = (np.frombuffer(data, "<u2", (len(data) - start) // 2, start) for start in (0, 1))
    return sum(int(np.count_nonzero(view == wanted)) for view in views)


@dataclass(slots=True)
class _Found:
    """What the segments before the first scan say."""

    width: int = 0
    height: int = 0
    precision: int = 8
    sampling: list[tuple[int, int]] = field(default_factory=list)
    has_adobe: bool = False
    orientation: int = 1
    has_exif: bool = False


def read_jpeg_header(data: bytes, limits: ImageLimits) -> ImageHeader:
    """Read everything up to the first scan, then count the scans.

    Raises:
        ImageRefusedError: a variant that is not decoded, a damaged header, or more than `limits.max_scans` scans.
        IndexError: the data ends inside the header.
    """
    found = _Found()
    first_scan = _walk_segments(data, found)
    components = len(found.sampling)
    if components == 4 and not found.has_adobe:
        raise ImageRefusedError(
            Refusal.UNSUPPORTED_VARIANT,
            "a CMYK JPEG without Adobe's marker does not say whether its inks are inverted; convert it to RGB",
        )
    markers = count_scan_starts(data)
    # Few enough wherever they stand, or few enough where they are scans of this image.
    has_few_scans = markers <= limits.max_scans or (
        markers <= most_scan_markers(len(data), limits)
        and _count_scans(data, first_scan, limits.max_scans) <= limits.max_scans
    )
    if not has_few_scans:
        raise ImageRefusedError(
            Refusal.TOO_MANY_SCANS,
            f"more than {limits.max_scans} scans, and each costs a pass over the whole image; {_SAVE_AGAIN}",
        )
    width, height = upright_size(found.width, found.height, found.orientation)
    return ImageHeader(
        ImageFormat.JPEG,
        width,
        height,
        channels=components,
        bit_depth=found.precision,
        orientation=found.orientation,
    )


def _walk_segments(data: bytes, found: _Found) -> int:
    """Fill `found` and return where the first scan's marker stands."""
    position = 2
    only_metadata_so_far = True
    for _ in range(MAX_SEGMENTS):
        if data[position] != 0xFF:
            raise ImageRefusedError(
                Refusal.CORRUPT, f"byte {position} should begin a JPEG marker and is 0x{data[position]:02x}"
            )
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte (T.81, B.1.1.2)
            position += 1
            continue
        if marker in _STANDALONE:
            position += 2
            continue
        if marker == _EOI:
            raise ImageRefusedError(Refusal.CORRUPT, "the JPEG ends before any image data")
        length = (data[position + 2] << 8) | data[position + 3]
        if length < 2:
            raise ImageRefusedError(Refusal.CORRUPT, f"the JPEG segment at byte {position} has the length {length}")
        if marker == _SOS:
            if not found.sampling:
                raise ImageRefusedError(Refusal.CORRUPT, "the JPEG's image data begins before its frame header")
            return position
        body = data[position + 4 : position + 2 + length]
        if len(body) < length - 2:
            raise ImageRefusedError(Refusal.TRUNCATED, f"the file ends inside the JPEG segment at byte {position}")
        if not (marker == _COM or 0xE0 <= marker <= 0xEF):
            only_metadata_so_far = False
        _read_segment(marker, body, found, orientation_counts=only_metadata_so_far)
        position += 2 + length
    raise ImageRefusedError(
        Refusal.UNSUPPORTED_VARIANT, f"more than {MAX_SEGMENTS} JPEG segments before the image data"
    )


def _read_segment(marker: int, body: bytes, found: _Found, *, orientation_counts: bool) -> None:
    if marker == _APP14:
        # libjpeg looks at the first twelve bytes and wants this name.
        found.has_adobe = found.has_adobe or (len(body) >= 12 and body.startswith(b"Adobe"))
    elif marker == _APP1 and body.startswith(EXIF_PREFIX) and not found.has_exif:
        orientation = read_orientation(body)
        if orientation_counts:
            found.has_exif = True
            found.orientation = orientation
        elif orientation != 1:
            # Exif 2.32, section 4.5.4, puts the segment first, and the graph stops looking at the first table.
            raise ImageRefusedError(
                Refusal.UNSUPPORTED_VARIANT,
                "the JPEG's Exif data with its orientation stands behind the coding tables, where few programs look; "
                "turn the pixels upright and save it again",
            )
    elif marker in _REFUSED_FRAMES:
        raise ImageRefusedError(
            Refusal.UNSUPPORTED_VARIANT, f"this is {_REFUSED_FRAMES[marker]}, which is not decoded; {_SAVE_AGAIN}"
        )
    elif marker == _DAC:
        raise ImageRefusedError(
            Refusal.UNSUPPORTED_VARIANT, f"this is an arithmetic-coded JPEG, which is not decoded; {_SAVE_AGAIN}"
        )
    elif marker in _DECODABLE_FRAMES:
        _read_frame(body, found)


def _read_frame(body: bytes, found: _Found) -> None:
    if found.sampling:
        raise ImageRefusedError(Refusal.CORRUPT, "the JPEG has two frame headers")
    found.precision = body[0]
    found.height, found.width = (body[1] << 8) | body[2], (body[3] << 8) | body[4]
    components = body[5]
    if found.precision != 8:
        raise ImageRefusedError(
            Refusal.UNSUPPORTED_VARIANT,
            f"a JPEG of {found.precision} bits for each sample is not decoded, only 8; {_SAVE_AGAIN}",
        )
    if components not in {1, 3, 4}:
        raise ImageRefusedError(
            Refusal.UNSUPPORTED_VARIANT,
            f"a JPEG of {components} components is neither grey (1) nor colour (3 or 4); {_SAVE_AGAIN}",
        )
    if len(body) != 6 + 3 * components:
        raise ImageRefusedError(
            Refusal.CORRUPT, f"the JPEG's frame header has {len(body)} bytes for {components} components"
        )
    if found.height == 0:
        # Allowed by T.81 with a DNL segment after the first scan, which the decoder does not read.
        raise ImageRefusedError(Refusal.CORRUPT, f"the JPEG's header gives no height; {_SAVE_AGAIN}")
    found.sampling = [(body[7 + 3 * i] >> 4, body[7 + 3 * i] & 15) for i in range(components)]
    if any(not 1 <= factor <= 4 for pair in found.sampling for factor in pair):
        raise ImageRefusedError(
            Refusal.CORRUPT, f"the JPEG's sampling factors are {found.sampling}; 1 to 4 are allowed"
        )
    widest, tallest = max(h for h, _ in found.sampling), max(v for _, v in found.sampling)
    if any(widest % h or tallest % v for h, v in found.sampling):
        raise ImageRefusedError(
            Refusal.UNSUPPORTED_VARIANT,
            f"a JPEG with the fractional sampling {found.sampling} is not decoded; {_SAVE_AGAIN}",
        )


def _count_scans(data: bytes, first_scan: int, enough: int) -> int:
    """How many scans follow; counting stops above `enough`."""
    scans = 0
    position = first_scan
    while scans <= enough:
        match = _SCAN_END.search(data, position)
        if match is None or (marker := data[match.start() + 1]) == _EOI:
            break
        scans += marker == _SOS
        length = int.from_bytes(data[match.end() : match.end() + 2], "big")
        position = match.end() + (0 if marker == 0x01 else max(length, 2))
    return scans
