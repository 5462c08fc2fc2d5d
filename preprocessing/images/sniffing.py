"""Which format the bytes are, whatever the file's name says."""

from __future__ import annotations

from preprocessing.images.header import ImageFormat

# The first bytes of what people call an image and Darkroom does not read, and how to name it to them.
_FOREIGN: tuple[tuple[int, bytes, str], ...] = (
    (0, b"II*\x00", "a TIFF image"),
    (0, b"MM\x00*", "a TIFF image"),
    (0, b"II+\x00", "a BigTIFF image"),
    (0, b"MM\x00+", "a BigTIFF image"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", "a JPEG XL image"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 codestream"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"\x00\x00\x01\x00", "a Windows icon"),
    (0, b"\x00\x00\x02\x00", "a Windows cursor"),
    (0, b"\x8aMNG\r\n\x1a\n", "an MNG animation"),
    (0, b"FLIF", "a FLIF image"),
    (0, b"qoif", "a QOI image"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR image"),
    (0, b"#?RADIANCE", "a Radiance HDR image"),
    (0, b"SIMPLE  =", "a FITS file"),
    (128, b"DICM", "a DICOM file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
)
# ISO base media files name their brand at byte 8 (ISO/IEC 14496-12, section 4.3).
_BRANDS: dict[bytes, str] = {
    b"avif": "an AVIF image",
    b"avis": "an AVIF image sequence",
    b"heic": "a HEIC image",
    b"heix": "a HEIC image",
    b"hevc": "a HEIC image sequence",
    b"mif1": "a HEIF image",
    b"msf1": "a HEIF image sequence",
    b"crx ": "a Canon raw image",
}
_TEXT_SAMPLE = 512
_SIGNATURES: dict[ImageFormat, bytes] = {
    # Start of image and the first byte of the marker after it (ITU-T T.81, B.1.1.3).
    ImageFormat.JPEG: b"\xff\xd8\xff",
    # The rest of the signature exists to detect damage in transfer (PNG, section 5.2); the parser checks it.
    ImageFormat.PNG: b"\x89PNG",
    ImageFormat.GIF: b"GIF8",
    ImageFormat.BMP: b"BM",
}


def sniff_format(image_bytes: bytes) -> ImageFormat | None:
    """The format that the first bytes announce; None when it is none that Darkroom decodes."""
    if image_bytes[:4] == b"RIFF" and image_bytes[8:12] == b"WEBP":
        return ImageFormat.WEBP
    for image_format, signature in _SIGNATURES.items():
        if image_bytes.startswith(signature):
            return image_format
    return None


def describe_unknown(image_bytes: bytes) -> str:
    """One sentence for bytes of no known format: what they look like and what to do."""
    accepted = ", ".join(image_format.name for image_format in ImageFormat)
    convert = f"convert it to one of {accepted}"
    for offset, signature, name in _FOREIGN:
        if image_bytes.startswith(signature, offset):
            return f"this is {name}, which is not decoded here; {convert}"
    if image_bytes[4:8] == b"ftyp":
        name = _BRANDS.get(image_bytes[8:12], "a video or another ISO media file")
        return f"this is {name}, which is not decoded here; {convert}"
    if (text := _as_text(image_bytes)) is not None:
        return _describe_text(text)
    if not any(image_bytes[:_TEXT_SAMPLE]):
        return "the file begins with zeros only, as an interrupted download or a full disk leaves behind; get it again"
    return f"the first bytes, {image_bytes[:8].hex(' ')}, belong to no known image format; accepted are {accepted}"


def _describe_text(text: str) -> str:
    lowered = text.lower()
    if "<svg" in lowered:
        return "this is an SVG drawing, which has no pixels; render it as PNG"
    if lowered.startswith(("<!doctype html", "<html")):
        return "this is an HTML page, not an image; a download probably stored its error page, fetch it again"
    if lowered.startswith("version https://git-lfs"):
        return "this is a Git LFS pointer, not an image; run `git lfs pull` to get the file it stands for"
    return f"this is a text file that begins {text[:40]!r}, not an image; remove it or replace it"


def _as_text(image_bytes: bytes) -> str | None:
    sample = image_bytes[:_TEXT_SAMPLE]
    # The cut may fall inside a character of up to four bytes.
    for cut in range(4):
        try:
            text = sample[: len(sample) - cut].decode("utf-8-sig")
        except UnicodeDecodeError:
            continue
        stripped = text.strip()
        return stripped if stripped and all(c.isprintable() or c.isspace() for c in stripped) else None
    return None
