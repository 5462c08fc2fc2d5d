"""The JSON form of an answer about images."""

from __future__ import annotations

from typing import Any

from serving.gateway.prediction import ImagePrediction, ImagesAnswer


def images_document(answer: ImagesAnswer) -> dict[str, Any]:
    """The whole answer; docs/gateway.md describes it."""
    return {
        # A version is a 64-bit number; JavaScript's are not, so JSON has it as text, as TF Serving does.
        "model": {"name": answer.model, "version": str(answer.version)},
        "preprocessing_version": answer.preprocessing_version,
        "predictions": [_image_prediction(prediction) for prediction in answer.predictions],
        "timing_ms": {name: round(value, 3) for name, value in answer.timing_ms.items()},
    }


def _image_prediction(prediction: ImagePrediction) -> dict[str, Any]:
    classes = [
        {"label": scored.label, "class_id": scored.class_id, "confidence": _decimal(scored.confidence)}
        for scored in prediction.top_k
    ]
    header = prediction.image
    return {
        **(classes[0] | {"top_k": classes} if classes else {"value": _decimal(prediction.value)}),
        "image": {"format": header.format.value, "width": header.width, "height": header.height},
    }


def _decimal(value: float | None) -> float | None:
    """A float32 without the digits that only its conversion to float64 brings; it reads back as the same float32."""
    return None if value is None else float(f"{value:.9g}")
