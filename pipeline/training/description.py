"""The facts that travel with a model, as `assets.extra/darkroom.json` and as the answer of its `describe` signature."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from typing import Any

import keras
import tensorflow as tf

from pipeline.features import SPLITS
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.training.fit import FitResult
from pipeline.training.options import TrainerOptions
from preprocessing.graph import PreprocessingGraph
from preprocessing.saved import describe

FORMAT_VERSION = 1


def model_description(
    options: TrainerOptions, facts: DatasetFacts, graph: PreprocessingGraph, result: FitResult
) -> dict[str, Any]:
    """Task, labels, preprocessing, training, data and software of one export."""
    return {
        "format_version": FORMAT_VERSION,
        "task": "multiclass",
        "model_name": options.model.name,
        "labels": list(facts.labels),
        "preprocessing": describe(graph),
        "training": {
            "architecture": options.model.architecture,
            "parameters": result.model.count_params(),
            "options": options.training.model_dump(mode="json"),
            "replicas": result.replicas,
            "epochs_run": result.epochs_run,
            "best_epoch": result.best_epoch,
            "eval_accuracy": result.at_best("val_accuracy"),
            "eval_loss": result.at_best("val_loss"),
            "seconds": round(result.seconds, 3),
        },
        "data": {
            "source": facts.source,
            "images": {split: facts.split_size(split) for split in SPLITS},
            "quarantined": facts.quarantined,
        },
        "software": {
            "darkroom": options.darkroom_version,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "python": platform.python_version(),
        },
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
