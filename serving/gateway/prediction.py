"""What the gateway answers about images, before a protocol gives it a form."""

from __future__ import annotations

from dataclasses import dataclass

from preprocessing.images.header import ImageHeader


@dataclass(frozen=True, slots=True)
class ScoredClass:
    """One class and how probable the model finds it (0..1)."""

    label: str
    class_id: int
    confidence: float


@dataclass(frozen=True, slots=True)
class ImagePrediction:
    """The answer for one image.

    Attributes:
        image: what its header says.
        top_k: the most probable classes, the most probable first; empty for a regression model.
        value: a regression model's answer; None for a classifier.
    """

    image: ImageHeader
    top_k: tuple[ScoredClass, ...]
    value: float | None


@dataclass(frozen=True, slots=True)
class ImagesAnswer:
    """The answer to one request of images, in the order of the images.

    Attributes:
        preprocessing_version: of the graph inside the model; None for a model that does not describe itself.
        timing_ms: milliseconds since the request arrived ("total") and in the parts of its way.
    """

    model: str
    version: int
    preprocessing_version: str | None
    predictions: tuple[ImagePrediction, ...]
    timing_ms: dict[str, float]
