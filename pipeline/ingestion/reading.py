"""Opening each image once: bytes in, a checked example or the reason why not out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import simplejpeg
import tensorflow as tf
from PIL import Image

from pipeline import features
from pipeline.ingestion import storage
from pipeline.ingestion.labelled_image import UNREADABLE, LabelledImage, Quarantined
from pipeline.ingestion.look import SIDE, Look
from preprocessing.decode import decode_image
from preprocessing.images import (
    ImageHeader,
    ImageLimits,
    ImageRefusedError,
    Refusal,
    inspect_image,
    verify_image,
)

# ITU-R BT.601 luma, as preprocessing makes grey of colours.
_LUMA = (0.299, 0.587, 0.114)

_EIGHTH = 8
# Of simplejpeg; the others are CMYK and YCCK.
_COLOUR_SPACES = frozenset({"YCbCr", "RGB", "Gray"})
# By Exif orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """An image that every later step can decode.

    Attributes:
        sha256: of the file's bytes.
        look: how it looks.
        example: serialised tf.Example with the keys of `pipeline.features`.
    """

    sha256: bytes
    look: Look
    example: bytes


@dataclass(frozen=True, slots=True)
class RefusedImage:
    """An image that was put aside.

    Attributes:
        entry: why.
        image_bytes: what was read of it; empty where that is nothing, or too much.
    """

    entry: Quarantined
    image_bytes: bytes


class ImageReader:
    """Reads, inspects and verifies images, and decodes what verification does not. Building one traces the decoder."""

    def __init__(self, limits: ImageLimits) -> None:
        self._limits = limits
        self._seen = tf.function(
            lambda image_bytes: decode_image(image_bytes, background=(0, 0, 0), transform=_size_and_grey),
            input_signature=[tf.TensorSpec([], tf.string)],
            autograph=False,
        )

    def read(self, image: LabelledImage) -> CheckedImage | RefusedImage:
        """One image of a source."""
        try:
            # One byte more than allowed is enough to refuse by size without reading the rest.
            enough = self._limits.max_bytes + 1
            image_bytes = storage.read_bytes(image.path, enough) if image.data is None else image.data
        except OSError as error:
            return _refused(image, UNREADABLE, f"cannot be read: {error.strerror or error}", b"")
        try:
            header = inspect_image(image_bytes, self._limits)
            eighth = verify_image(image_bytes, header)
            look = _look_of_jpeg(image_bytes, header, eighth) or self._look(image_bytes, header)
        except ImageRefusedError as error:
            kept = b"" if error.reason is Refusal.TOO_MANY_BYTES else image_bytes
            return _refused(image, error.reason.value, error.detail, kept)
        sha256 = hashlib.sha256(image_bytes)
        example = to_example(image_bytes, header, look, image, sha256.hexdigest())
        return CheckedImage(sha256.digest(), look, example.SerializeToString(deterministic=True))

    def _look(self, image_bytes: bytes, header: ImageHeader) -> Look:
        try:
            seen = self._seen(image_bytes).numpy()
        except tf.errors.InvalidArgumentError as error:
            raise ImageRefusedError(
                Refusal.CORRUPT, f"TensorFlow cannot decode it: {str(error.message).splitlines()[0]}"
            ) from error
        height, width = (int(side) for side in seen[:2])
        if (height, width) != (header.height, header.width):
            raise ImageRefusedError(
                Refusal.CORRUPT,
                f"its header says {header.width}x{header.height} pixels, but it decodes to {width}x{height}",
            )
        return Look.of(seen[2:].reshape(SIDE, SIDE))


def _look_of_jpeg(image_bytes: bytes, header: ImageHeader, eighth: np.ndarray | None) -> Look | None:
    """The look of a large JPEG out of what verification decoded: whatever passes that decodes in the graph, too.

    Returns:
        None for other formats, small images and CMYK, which are decoded in full.
    """
    if eighth is None or min(header.width, header.height) < SIDE * _EIGHTH:
        return None
    if simplejpeg.decode_jpeg_header(image_bytes)[2] not in _COLOUR_SPACES:
        return None
    grey = Image.fromarray(eighth).convert("L")
    turn = _TURNS.get(header.orientation)
    upright = grey if turn is None else grey.transpose(turn)
    return Look.of(np.asarray(upright.convert("F").resize((SIDE, SIDE), Image.Resampling.BOX)))


def _size_and_grey(pixels: tf.Tensor) -> tf.Tensor:
    """`[h, w, 3]` to height, width and `SIDE` squared grey levels in a row, float32; sides are exact up to 2^24."""
    small = tf.image.resize(pixels, [SIDE, SIDE], method="area")
    grey = tf.tensordot(small, tf.constant(_LUMA), axes=1)
    return tf.concat([tf.cast(tf.shape(pixels)[:2], tf.float32), tf.reshape(grey, [-1])], axis=0)


def _refused(image: LabelledImage, reason: str, detail: str, image_bytes: bytes) -> RefusedImage:
    label = image.text if image.target is None else str(image.target)
    return RefusedImage(Quarantined(image.name, label, reason, detail), image_bytes)


def to_example(
    image_bytes: bytes, header: ImageHeader, look: Look, image: LabelledImage, sha256: str
) -> tf.train.Example:
    """An example with the ImageNet TFRecord keys; height and width are as a viewer shows the image."""
    feature = {
        features.ENCODED: _bytes(image_bytes),
        features.FORMAT: _bytes(header.format.value.encode()),
        features.FILENAME: _text(image.name),
        features.HEIGHT: _int(header.height),
        features.WIDTH: _int(header.width),
        features.CHANNELS: _int(header.channels),
        features.SHA256: _bytes(sha256.encode()),
        features.FILE_SIZE: _int(len(image_bytes)),
        features.ASPECT_RATIO: _float(header.width / header.height),
        features.BRIGHTNESS: _float(look.brightness),
        features.CONTRAST: _float(look.contrast),
        **{features.EXTRA + name: _text(text) for name, text in image.extra},
    }
    if image.label is not None:
        feature |= {features.LABEL: _int(image.label), features.LABEL_TEXT: _text(image.text)}
    if image.target is not None:
        feature[features.TARGET] = _float(image.target)
    return tf.train.Example(features=tf.train.Features(feature=feature))


def _text(value: str) -> tf.train.Feature:
    # A file's name need not be UTF-8.
    return _bytes(value.encode(errors="surrogateescape"))


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _int(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def _float(value: float) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
