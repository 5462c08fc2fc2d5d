"""The worst mistakes as pictures: the image, and what the network saw of it."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from pipeline import features
from pipeline.evaluation.report import Mistake
from pipeline.report.run_report import RunReport
from preprocessing.decode import decode_image
from preprocessing.graph import levels
from preprocessing.spec import PreprocessingSpec

# Pixels of a side, in the page.
_SIDE = 112

# What shows through where an image is transparent.
_PAPER = (255, 255, 255)

_PARSE = {
    features.ENCODED: tf.io.FixedLenFeature([], tf.string),
    features.SHA256: tf.io.FixedLenFeature([], tf.string),
}


@dataclass(frozen=True, slots=True)
class MistakePicture:
    """One mistake.

    Attributes:
        mistake: what was said and what is right.
        image: a PNG of the image as a viewer shows it.
        seen: a PNG of the preprocessed image, before its scaling.
    """

    mistake: Mistake
    image: bytes
    seen: bytes


def mistake_pictures(report: RunReport) -> list[MistakePicture]:
    """Draws them; those whose image is no longer in the examples are left out."""
    if report.evaluation is None or report.model is None or not report.evaluation.mistakes:
        return []
    spec = PreprocessingSpec.model_validate(report.model["preprocessing"]["spec"])
    wanted = {one.sha256 for one in report.evaluation.mistakes}
    encoded = _encoded(f"{report.artifacts['ImageExampleGen']['examples']}/Split-{features.TEST_SPLIT}", wanted)
    found = []
    for mistake in report.evaluation.mistakes:
        if mistake.sha256 in encoded:
            image = tf.constant(encoded[mistake.sha256])
            whole = decode_image(
                image, background=(255, 255, 255), transform=lambda pixels: tf.cast(pixels, tf.float32)
            )
            found.append(MistakePicture(mistake, _png(whole.numpy()), _png(levels(image, spec).numpy())))
    return found


def _as_floats(pixels: tf.Tensor) -> tf.Tensor:
    return tf.cast(pixels, tf.float32)


def _encoded(folder: str, wanted: set[str]) -> dict[str, bytes]:
    """The images' bytes by SHA-256; reading ends when all are found."""
    files = sorted(tf.io.gfile.glob(f"{folder}/*"))
    found: dict[str, bytes] = {}
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP"):
        parsed = tf.io.parse_single_example(record, _PARSE)
        sha256 = parsed[features.SHA256].numpy().decode()
        if sha256 in wanted:
            found[sha256] = parsed[features.ENCODED].numpy()
            if len(found) == len(wanted):
                break
    return found


def _png(pixels: NDArray[np.float32]) -> bytes:
    """`[H, W, C]` levels 0..255, small; one that is smaller stays sharp."""
    array = np.clip(np.round(pixels), 0, 255).astype(np.uint8)
    image = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array[..., :3])
    factor = _SIDE / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    buffer = io.BytesIO()
    image.resize(size, Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BOX).save(buffer, "PNG")
    return buffer.getvalue()
