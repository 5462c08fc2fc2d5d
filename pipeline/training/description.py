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
from pipeline.training.losses import describe_loss
from pipeline.training.options import TrainerOptions
from preprocessing.graph import PreprocessingGraph
from preprocessing.saved import describe

FORMAT_VERSION = 1


def model_description(
    options: TrainerOptions, facts: DatasetFacts, graph: PreprocessingGraph, result: FitResult
) -> dict[str, Any]:
    """Task, labels, preprocessing, training, data and software of one export."""
    model = result.network.model
    return {
        "format_version": FORMAT_VERSION,
        "task": str(result.task),
        "model_name": options.model.name,
        "labels": list(facts.labels),
        "preprocessing": describe(graph),
        "training": {
            "architecture": _architecture(options),
            "parameters": model.count_params(),
            "model": options.model.model_dump(mode="json"),
            "weights": options.weights.model_dump(mode="json", exclude_none=True)
            if options.weights and not result.fallbacks
            else None,
            "own_code": _own_code(options),
            # Under float16 the optimizer is inside the one that scales the loss.
            "optimizer": type(getattr(model.optimizer, "inner_optimizer", model.optimizer)).__name__,
            "loss": describe_loss(model),
            "options": options.training.model_dump(mode="json"),
            "tuned": options.tuned,
            "feeding": result.feeding.as_json() if result.feeding else None,
            "replicas": result.replicas,
            "epochs_run": result.epochs_run,
            "best_epoch": result.best_epoch,
            "eval_accuracy": result.at_best("val_accuracy"),
            "eval_loss": result.at_best("val_loss"),
            "metrics": result.metrics_at_best,
            "findings": [finding.as_json() for finding in result.findings],
            "ended": result.ended,
            "transfer": result.transfer,
            "fallbacks": result.fallbacks,
            "seconds": round(result.seconds, 3),
        },
        "data": {
            "source": facts.source,
            "spans": list(facts.spans),
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


def _architecture(options: TrainerOptions) -> str:
    own = options.own_code
    return f"{own.module}.build_model" if own and "build_model" in own.hooks else options.model.architecture


def _own_code(options: TrainerOptions) -> dict[str, Any] | None:
    own = options.own_code
    return {"module": own.module, "functions": list(own.hooks), "sha256": own.sha256} if own else None
