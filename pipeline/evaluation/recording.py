"""What the models answered to each test image, kept in the evaluation artifact beside TFMA's results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma

from pipeline import features

PREDICTIONS_FOLDER = "predictions"

CANDIDATE = "candidate"
BASELINE = "baseline"

SCHEMA = pa.schema(
    [
        ("sha256", pa.string()),
        ("filename", pa.string()),
        # Class id or target.
        ("label", pa.float64()),
        ("height", pa.int64()),
        ("width", pa.int64()),
        ("brightness", pa.float32()),
        # The listing's further columns, as a JSON object.
        ("extra", pa.string()),
        # `[K]` probabilities, or one value.
        (CANDIDATE, pa.list_(pa.float32())),
        (BASELINE, pa.list_(pa.float32())),
    ]
)


@beam.ptransform_fn
def _record(extracts: beam.PCollection, folder: str) -> beam.PCollection:
    """Writes Parquet files aside and lets the extracts pass."""
    _ = (
        extracts
        | "AsRow" >> beam.ParDo(_AsRow())
        | "WriteRows" >> beam.io.WriteToParquet(f"{folder}/part", SCHEMA, codec="snappy", file_name_suffix=".parquet")
    )
    return extracts


def recorder(folder: str) -> tfma.extractors.Extractor:
    """An extractor for TFMA that comes after its own: the same predictions are measured and kept.

    Args:
        folder: where the files go.
    """
    return tfma.extractors.Extractor(stage_name="RecordPredictions", ptransform=_record(folder))


class _AsRow(beam.DoFn):
    def process(self, element: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """One row of an example's extracts."""
        found = element["features"]
        predictions = element["predictions"]
        several = isinstance(predictions, dict)
        extra = {
            name.removeprefix(features.EXTRA): _text(value)
            for name, value in found.items()
            if name.startswith(features.EXTRA)
        }
        yield {
            "sha256": _text(found.get(features.SHA256)),
            "filename": _text(found.get(features.FILENAME)),
            "label": float(np.ravel(_label(element["labels"]))[0]),
            "height": _number(found.get(features.HEIGHT), int),
            "width": _number(found.get(features.WIDTH), int),
            "brightness": _number(found.get(features.BRIGHTNESS), float),
            "extra": json.dumps(extra, sort_keys=True),
            CANDIDATE: np.ravel(predictions[CANDIDATE] if several else predictions).astype(np.float32).tolist(),
            BASELINE: np.ravel(predictions[BASELINE]).astype(np.float32).tolist() if several else None,
        }


def _label(labels: Any) -> Any:
    return labels[CANDIDATE] if isinstance(labels, dict) else labels


def _text(value: Any) -> str:
    flat = np.ravel(value if value is not None else [])
    if not len(flat):
        return ""
    return flat[0].decode(errors="backslashreplace") if isinstance(flat[0], bytes) else str(flat[0])


def _number(value: Any, kind: type) -> Any:
    flat = np.ravel(value if value is not None else [])
    return kind(flat[0]) if len(flat) else None
