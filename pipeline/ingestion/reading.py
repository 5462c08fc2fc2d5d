"""Opening each image once: bytes in, a checked example or the reason why not out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import tensorflow as tf

from pipeline import features
from pipeline.ingestion.class_folders import LabelledFile
from preprocessing.images import ImageHeader, ImageLimits, ImageRefusedError, Refusal, inspect_image, verify_image

QUARANTINED = "quarantined"
UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """An image that every later step can decode.

    Attributes:
        sha256: of the file's bytes, in hexadecimal.
        label: class id.
        text: class name.
        example: serialised tf.Example with the keys of `pipeline.features`.
    """

    sha256: str
    label: int
    text: str
    example: bytes


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file that was put aside.

    Attributes:
        file: path relative to the source's root.
        label: class name.
        reason: a `preprocessing.images.Refusal`, or `unreadable`.
        detail: what was found and what to do.
    """

    file: str
    label: str
    reason: str
    detail: str


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

    def process(self, element: LabelledFile) -> Iterator[CheckedImage | beam.pvalue.TaggedOutput]:
        """Reads, inspects, verifies and decodes one file."""
        try:
            with tf.io.gfile.GFile(element.path, "rb") as file:
                # One byte more than allowed is enough to refuse by size without reading the rest.
                image_bytes = file.read(self._limits.max_bytes + 1)
        except tf.errors.OpError as error:
            yield self._quarantine(element, UNREADABLE, f"cannot be read: {str(error.message).splitlines()[0]}")
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
    def _quarantine(file: LabelledFile, reason: str, detail: str) -> beam.pvalue.TaggedOutput:
        return beam.pvalue.TaggedOutput(QUARANTINED, Quarantined(file.name, file.text, reason, detail))


def to_example(image_bytes: bytes, header: ImageHeader, file: LabelledFile, sha256: str) -> tf.train.Example:
    """An example with the ImageNet TFRecord keys; height and width are as a viewer shows the image."""
    return tf.train.Example(
        features=tf.train.Features(
            feature={
                features.ENCODED: _bytes(image_bytes),
                features.FORMAT: _bytes(header.format.value.encode()),
                features.FILENAME: _bytes(file.name.encode(errors="surrogateescape")),
                features.HEIGHT: _int(header.height),
                features.WIDTH: _int(header.width),
                features.CHANNELS: _int(header.channels),
                features.SHA256: _bytes(sha256.encode()),
                features.LABEL: _int(file.label),
                features.LABEL_TEXT: _bytes(file.text.encode(errors="surrogateescape")),
            }
        )
    )


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _int(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
