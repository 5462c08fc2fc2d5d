"""The orientation that a camera recorded.

`preprocessing/decode/orientation.py` states the same rules as a graph; a test holds the two together.
"""

from __future__ import annotations

EXIF_PREFIX = b"Exif\x00\x00"
ORIENTATION_TAG = 0x0112
# Cameras write about a dozen entries; more than this are not searched.
MAX_IFD_ENTRIES = 256
# From this value on the image is transposed, so that width and height change places.
FIRST_TRANSPOSED = 5


def read_orientation(exif: bytes) -> int:
    """The orientation 1..8 in a block of Exif data; 1, which means upright, when there is none or it makes no sense.

    The block is a TIFF structure, with or without the prefix `Exif\\0\\0`. Read is the first entry with tag 274 of the
    first directory, if it is one SHORT, as Exif 2.32 (section 4.6.5) and TIFF 6.0 (page 36) define it; the first
    `MAX_IFD_ENTRIES` entries are searched.
    """
    if exif.startswith(EXIF_PREFIX):
        exif = exif[len(EXIF_PREFIX) :]
    little = exif[:4] == b"II*\x00"
    if not little and exif[:4] != b"MM\x00*":
        return 1

    def number(data: bytes) -> int:
        return int.from_bytes(data, "little" if little else "big")

    directory = number(exif[4:8].ljust(4, b"\x00"))
    count = min(number(exif[directory : directory + 2].ljust(2, b"\x00")), MAX_IFD_ENTRIES)
    size = 12 * count
    entries = exif[directory + 2 : directory + 2 + size].ljust(size, b"\x00")
    for start in range(0, size, 12):
        if number(entries[start : start + 2]) != ORIENTATION_TAG:
            continue
        is_one_short = number(entries[start + 2 : start + 4]) == 3 and number(entries[start + 4 : start + 8]) == 1
        value = number(entries[start + 8 : start + 10])
        return value if is_one_short and 1 <= value <= 8 else 1
    return 1


def upright_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """`(width, height)` after the orientation is applied."""
    return (height, width) if orientation >= FIRST_TRANSPOSED else (width, height)
