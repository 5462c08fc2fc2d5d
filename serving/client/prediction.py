"""What the gateway said about one image."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScoredClass:
    """One class and how probable the model finds it (0..1)."""

    label: str
    class_id: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one image.

    Attributes:
        label, class_id, confidence: the most probable class; None for a regression model.
        top_k: the most probable classes, that one first; empty for a regression model.
        value: a regression model's answer; None for a classifier.
        model, version: what answered.
        preprocessing_version: of the graph inside the model; None when the model does not tell.
    """

    label: str | None
    class_id: int | None
    confidence: float | None
    top_k: tuple[ScoredClass, ...]
    value: float | None
    model: str
    version: int
    preprocessing_version: str | None


def build_prediction(
    top_k: tuple[ScoredClass, ...], value: float | None, *, model: str, version: int, preprocessing_version: str | None
) -> Prediction:
    """A prediction whose first class is that of `top_k`."""
    best = top_k[0] if top_k else None
    return Prediction(
        label=best.label if best else None,
        class_id=best.class_id if best else None,
        confidence=best.confidence if best else None,
        top_k=top_k,
        value=value,
        model=model,
        version=version,
        preprocessing_version=preprocessing_version,
    )
