"""What `darkroom run` trains, without the pipeline around it, in worker processes or in this one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from darkroom.configuration import DarkroomConfig
from pipeline.distribution.shares import place_of
from pipeline.distribution.strategy import make_strategy
from pipeline.training.fit import fit
from pipeline.training.options import TrainerOptions
from pipeline.training.split_files import SplitFiles
from pipeline.training.state.store import StateStore
from preprocessing.graph import PreprocessingGraph
from tests.pipeline.training.records import facts

# 13 and 12 examples are left for the last step of an epoch, which two replicas cannot share evenly.
TRAIN, EVAL, EPOCHS = 45, 13, 4


def document(training: dict[str, Any]) -> dict[str, Any]:
    """A configuration whose training goes step by step alike on any number of replicas."""
    return {
        "preprocessing": {"height": 8, "width": 8, "channels": 1, "scaling": "symmetric"},
        # Dropout draws by replica, and so differs.
        "model": {"small_cnn": {"filters": [4], "dense_units": 8}, "dropout": 0.0},
        "training": {
            "epochs": EPOCHS,
            "batch_size": 16,
            "early_stopping": None,
            "learning_rate": 0.05,
            "optimizer": {"name": "sgd", "momentum": 0.9},
            "class_weights": "balanced",
            "feeding": {"mode": "disk"},
            "checkpoint": {"every_steps": 2},
        }
        | training,
    }


def train(argument: dict[str, Any]) -> None:
    """Trains; every worker writes its weights and history to `<folder>/<name>-<worker>.npz`."""
    options = TrainerOptions.from_configuration(DarkroomConfig.model_validate(document(argument["training"])), "0")
    strategy = make_strategy(options.training.distribution)
    worker = place_of(strategy).worker
    graph = PreprocessingGraph(options.preprocessing)
    splits = SplitFiles((argument["train"],), TRAIN), SplitFiles((argument["eval"],), EVAL)
    store = StateStore(f"{argument['folder']}/{argument['name']}-state", writes=worker == 0)
    run_folder = f"{argument['folder']}/{argument['name']}-run" if worker == 0 else None
    result = fit(options, graph, *splits, facts=facts(TRAIN), store=store, strategy=strategy, run_folder=run_folder)
    found = {f"weights-{place:03}": weights for place, weights in enumerate(result.network.model.get_weights())}
    found["history"] = np.array(json.dumps(result.history))
    np.savez(Path(argument["folder"]) / f"{argument['name']}-{worker}.npz", **found)


def train_each(argument: dict[str, Any]) -> None:
    """Several trainings, one after the other, in this process."""
    for one in argument["trainings"]:
        train(one)


def result(folder: Path, name: str, worker: int = 0) -> tuple[dict[str, list[Any]], list[np.ndarray]]:
    """What `train` wrote."""
    with np.load(folder / f"{name}-{worker}.npz") as stored:
        history = json.loads(str(stored["history"]))
        return history, [stored[key] for key in stored.files if key != "history"]
