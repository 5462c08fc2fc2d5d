"""Opening each image once: bytes in, a checked example or the reason why not out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import tensorflow as tf

from pipeline import features
from pipeline.ingestion import storage
from pipeline.ingestion.labelled_image import UNREADABLE, LabelledImage, Quarantined
from preprocessing.images import ImageHeader, ImageLimits, ImageRefusedError, Refusal, inspect_image, verify_image

QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """An image that every later step can decode.

    Attributes:
        sha256: of the file's bytes, in hexadecimal.
        label: class id; None for a regression.
        text: class name; empty for a regression.
        target: a regression's; None for classes.
        example: serialised tf.Example with the keys of `pipeline.features`.
    """

    sha256: str
    label: int | None
    text: str
    target: float | None
    example: bytes


class ReadImage(beam.DoFn):
    """`LabelledFile` to `CheckedImage`, or to `Quarantined` in the output `QUARANTINED`."""

    def __init__(self, limits: ImageLimits) -> None:
        super().__init__()
        self._limits = limits

    def setup(self) -> None:
        """Traces the decoder once for each worker."""
        # Imported here: the module builds TensorFlow functions, which do not travel in a pickled DoFn.
        from preprocessing.decode import decode_image  # noqa: PLC0415

        @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
        def decoded_shape(image_bytes: tf.Tensor) -> tf.Tensor:
            return decode_image(image_bytes, background=(0, 0, 0), transform=tf.shape)

        self._decoded_shape = decoded_shape

    def process(self, element: LabelledImage | Quarantined) -> Iterator[CheckedImage | beam.pvalue.TaggedOutput]:
        """Reads, inspects, verifies and decodes one image; what a source put aside passes through."""
        if isinstance(element, Quarantined):
            yield beam.pvalue.TaggedOutput(QUARANTINED, element)
            return
        try:
            # One byte more than allowed is enough to refuse by size without reading the rest.
            image_bytes = storage.read_bytes(element.path, self._limits.max_bytes + 1)
        except OSError as error:
            yield self._quarantine(element, UNREADABLE, f"cannot be read: {error.strerror or error}")
            return
        try:
            header = inspect_image(image_bytes, self._limits)
            verify_image(image_bytes, header)
            self._check_decodes(image_bytes, header)
        except ImageRefusedError as error:
            yield self._quarantine(element, error.reason.value, error.detail)
            return
        sha256 = hashlib.sha256(image_bytes).hexdigest()
        yield CheckedImage(
            sha256=sha256,
            label=element.label,
            text=element.text,
            target=element.target,
            example=to_example(image_bytes, header, element, sha256).SerializeToString(deterministic=True),
        )

    def _check_decodes(self, image_bytes: bytes, header: ImageHeader) -> None:
        try:
            height, width, _ = self._decoded_shape(image_bytes).numpy().tolist()
        except tf.errors.InvalidArgumentError as error:
            raise ImageRefusedError(
                Refusal.CORRUPT, f"TensorFlow cannot decode it: {str(error.message).splitlines()[0]}"
            ) from error
        if (height, width) != (header.height, header.width):
            raise ImageRefusedError(
                Refusal.CORRUPT,
                f"its header says {header.width}x{header.height} pixels, but it decodes to {width}x{height}",
            )

    @staticmethod
    def _quarantine(image: LabelledImage, reason: str, detail: str) -> beam.pvalue.TaggedOutput:
        label = image.text if image.target is None else str(image.target)
        return beam.pvalue.TaggedOutput(QUARANTINED, Quarantined(image.name, label, reason, detail))


def to_example(image_bytes: bytes, header: ImageHeader, image: LabelledImage, sha256: str) -> tf.train.Example:
    """An example with the ImageNet TFRecord keys; height and width are as a viewer shows the image."""
    feature = {
        features.ENCODED: _bytes(image_bytes),
        features.FORMAT: _bytes(header.format.value.encode()),
        features.FILENAME: _text(image.name),
        features.HEIGHT: _int(header.height),
        features.WIDTH: _int(header.width),
        features.CHANNELS: _int(header.channels),
        features.SHA256: _bytes(sha256.encode()),
        **{features.EXTRA + name: _text(text) for name, text in image.extra},
    }
    if image.label is not None:
        feature |= {features.LABEL: _int(image.label), features.LABEL_TEXT: _text(image.text)}
    if image.target is not None:
        feature[features.TARGET] = tf.train.Feature(float_list=tf.train.FloatList(value=[image.target]))
    return tf.train.Example(features=tf.train.Features(feature=feature))


def _text(value: str) -> tf.train.Feature:
    # A file's name need not be UTF-8.
    return _bytes(value.encode(errors="surrogateescape"))


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _int(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
