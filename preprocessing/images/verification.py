"""Damage that a header does not show.

TensorFlow decodes a JPEG with corrupt data to the end and says nothing, and one image that it does refuse fails the
whole batch it came in. So each image is read through once before, by means that do complain.
"""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING

from preprocessing.images import png
from preprocessing.images.errors import ImageRefusedError, Refusal
from preprocessing.images.header import ImageFormat, ImageHeader

if TYPE_CHECKING:
    import numpy as np

# Decompressed PNG data is looked at in pieces of this size and never held as a whole.
_PIECE = 1 << 20
# Adam7 (PNG, section 8.1): first column, first row, column step, row step of each pass.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_MAX_FILTER_TYPE = 4


def verify_image(image_bytes: bytes, header: ImageHeader) -> np.ndarray | None:
    """Read through an image that `inspect_image` accepted, and refuse it if it is damaged.

    A JPEG's entropy-coded data is decoded strictly, at an eighth of the size; a PNG's checksums and compressed stream
    are checked; a GIF's first frame and a WebP are decoded. A BMP has nothing left to check. Thread-safe; the work
    happens in C with the interpreter lock released.

    Returns:
        A JPEG's pixels at an eighth of the size, `[ceil(h / 8), ceil(w / 8), 3]` uint8 as they are stored, not turned
        upright, for who wants to look at them; None for the other formats.

    Raises:
        ImageRefusedError: `TRUNCATED` or `CORRUPT`, or a JPEG variant that can't be verified.
    """
    if header.format is ImageFormat.JPEG:
        return _verify_jpeg(image_bytes)
    if header.format is ImageFormat.PNG:
        _verify_png(image_bytes)
    elif header.format in {ImageFormat.GIF, ImageFormat.WEBP}:
        _verify_by_decoding(image_bytes, header)
    return None


def _verify_jpeg(image_bytes: bytes) -> np.ndarray:
    import simplejpeg  # noqa: PLC0415 - brings NumPy, which header inspection alone does not need

    try:
        # The minimum sizes make `min_factor` effective: an eighth of each side, so a 64th of the memory, while the
        # entropy-coded data, where the damage is, is still read in full.
        pixels: np.ndarray = simplejpeg.decode_jpeg(image_bytes, min_height=1, min_width=1, min_factor=8, strict=True)
    except ValueError as error:
        message = str(error).removeprefix("Corrupt JPEG data: ")
        if "Could not determine subsampling" in message:
            raise ImageRefusedError(
                Refusal.UNSUPPORTED_VARIANT,
                "a JPEG with this unusual chroma sampling can't be checked for damage; save it again",
            ) from error
        reason = Refusal.TRUNCATED if "Premature end" in message else Refusal.CORRUPT
        raise ImageRefusedError(reason, f"the JPEG's data is damaged ({message}); get the file again") from error
    return pixels


def _verify_png(image_bytes: bytes) -> None:
    view = memoryview(image_bytes)
    stream = _PngStream(image_bytes)
    data_is_over = False
    for chunk in png.walk_chunks(image_bytes):
        end = chunk.start + chunk.length
        if zlib.crc32(view[chunk.start - 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            raise ImageRefusedError(
                Refusal.CORRUPT, f"the checksum of the PNG chunk {chunk.name.decode()} is wrong; get the file again"
            )
        if chunk.name != b"IDAT":
            data_is_over = stream.started
        elif data_is_over:
            raise ImageRefusedError(Refusal.CORRUPT, "the PNG's image data is interrupted by another chunk")
        else:
            stream.feed(view[chunk.start : end])
    stream.finish()


class _PngStream:
    """Checks the decompressed image data: as long as the header promises, each row with a filter that exists."""

    def __init__(self, image_bytes: bytes) -> None:
        width, height = int.from_bytes(image_bytes[16:20], "big"), int.from_bytes(image_bytes[20:24], "big")
        bits = image_bytes[24] * png.SAMPLES[image_bytes[25]]
        passes = _PASSES if image_bytes[28] else ((0, 0, 1, 1),)
        # (bytes of a row with its filter byte, rows) of each pass; passes without pixels have no rows (section 8.1).
        self._runs: list[tuple[int, int]] = []
        for left, top, across, down in passes:
            columns, rows = -(-(width - left) // across), -(-(height - top) // down)
            if columns > 0 and rows > 0:
                self._runs.append((1 + (columns * bits + 7) // 8, rows))
        self._wanted = sum(row * rows for row, rows in self._runs)
        self._seen = 0
        self._run_start = 0
        self._zlib = zlib.decompressobj()
        self.started = False

    def feed(self, compressed: memoryview) -> None:
        """Take the data of one IDAT chunk."""
        self.started = True
        pending: bytes | memoryview = compressed
        # Data behind the last row is passed over, as libpng does.
        more = True
        while more and self._seen < self._wanted and not self._zlib.eof:
            try:
                piece = self._zlib.decompress(pending, _PIECE)
            except zlib.error as error:
                raise ImageRefusedError(
                    Refusal.CORRUPT, f"the PNG's image data does not decompress ({error}); get the file again"
                ) from error
            self._check_filters(piece)
            self._seen += len(piece)
            pending = self._zlib.unconsumed_tail
            # A full piece may leave output inside zlib when no input is left.
            more = bool(pending) or len(piece) == _PIECE

    def finish(self) -> None:
        """Raise unless all rows came."""
        if self._seen < self._wanted:
            raise ImageRefusedError(
                Refusal.TRUNCATED, f"the PNG's image data ends after {self._seen} of {self._wanted} bytes; get it again"
            )

    def _check_filters(self, piece: bytes) -> None:
        start, end = self._seen, self._seen + len(piece)
        while self._runs:
            row, rows = self._runs[0]
            run_end = self._run_start + row * rows
            first = self._run_start + -(-max(start - self._run_start, 0) // row) * row
            filters = piece[first - start : min(end, run_end) - start : row]
            if filters and max(filters) > _MAX_FILTER_TYPE:
                raise ImageRefusedError(Refusal.CORRUPT, f"a row of the PNG has the filter type {max(filters)}")
            if run_end > end:
                return
            self._run_start = run_end
            self._runs.pop(0)


def _verify_by_decoding(image_bytes: bytes, header: ImageHeader) -> None:
    from PIL import Image  # noqa: PLC0415 - most services see JPEG and PNG only

    name = header.format.name
    try:
        with Image.open(io.BytesIO(image_bytes), formats=(name,)) as image:
            image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageRefusedError(Refusal.TOO_MANY_PIXELS, f"Pillow refuses the {name}: {error}") from error
    except (OSError, ValueError, SyntaxError, EOFError, IndexError) as error:
        raise ImageRefusedError(
            Refusal.CORRUPT, f"the {name}'s data is damaged ({error}); get the file again"
        ) from error
