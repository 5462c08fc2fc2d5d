"""What Darkroom's training costs over a bare Keras `fit`: the same network, the same pixels, the same batches.

    python bench/training_step.py [--rounds N]

Synthetic images are written as TFRecords. Darkroom reads, decodes, caches, shuffles and trains with its callbacks and
its saved states; bare Keras gets the preprocessed pixels as a tf.data set in memory, shuffled, and no callbacks but a
clock. Both take turns, round after round; steps of the first epoch, in which TensorFlow traces, do not count. Prints
the ratio of the median step times; writes bench/results/training_step.json.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from support import step_clock
from support.results import print_table, write_results

from darkroom.configuration import DarkroomConfig
from darkroom.task import Task
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.models.network import build_network
from pipeline.training.dataset import evaluation_batches
from pipeline.training.feeding.feeding import feeding
from pipeline.training.fit import fit
from pipeline.training.label_form import LabelForm
from pipeline.training.options import TrainerOptions
from pipeline.training.split_files import SplitFiles
from pipeline.training.state.store import StateStore
from preprocessing.graph import PreprocessingGraph
from tests.pipeline.training.records import LABELS, write_split

MAX_RATIO = 1.05
SIDE, TRAIN, EVAL, BATCH, EPOCHS = 32, 1920, 64, 64, 4
CONFIGURATION = {
    "preprocessing": {"height": SIDE, "width": SIDE, "channels": 1, "scaling": "symmetric"},
    "training": {"epochs": EPOCHS, "batch_size": BATCH, "early_stopping": None},
}


def main() -> int:
    """Exit code 1 when the limit is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        splits = write_split(folder / "train", TRAIN, side=SIDE), write_split(folder / "eval", EVAL, side=SIDE)
        measured = [(bare(*splits), darkroom(*splits, folder / f"state-{number}")) for number in range(rounds)]
    ratios = [ours / theirs for theirs, ours in measured]
    found = {
        "bare_step_milliseconds": 1e3 * statistics.median(theirs for theirs, _ in measured),
        "darkroom_step_milliseconds": 1e3 * statistics.median(ours for _, ours in measured),
        "ratio": statistics.median(ratios),
        "ratio_lowest": min(ratios),
        "ratio_highest": max(ratios),
        "rounds": rounds,
    }
    print_table(found, {"ratio": f"at most {MAX_RATIO}"})
    write_results("training_step", found)
    return 0 if found["ratio"] <= MAX_RATIO else 1


def bare(train: SplitFiles, evaluation: SplitFiles) -> float:
    """Median seconds of a step of Keras alone."""
    config = DarkroomConfig.model_validate(CONFIGURATION)
    graph = PreprocessingGraph(config.preprocessing)
    form = LabelForm(len(LABELS))
    with feeding(evaluation, train, graph, config.training) as fed:
        batches = list(evaluation_batches(fed, config.training, form).as_numpy_iterator())
    pixels, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    keras.utils.set_random_seed(0)
    network = build_network(config.model, graph.spec.pixel_shape, Task.MULTICLASS, len(LABELS))
    network.model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    clock = step_clock.StepClock()
    dataset = tf.data.Dataset.from_tensor_slices((pixels, labels)).shuffle(TRAIN).batch(BATCH).prefetch(2)
    with feeding(train, evaluation, graph, config.training) as fed:
        network.model.fit(
            dataset,
            validation_data=evaluation_batches(fed, config.training, form),
            epochs=EPOCHS,
            callbacks=[clock],
            verbose=0,
        )
    return statistics.median(clock.seconds)


def darkroom(train: SplitFiles, evaluation: SplitFiles, state: Path) -> float:
    """Median seconds of a step of Darkroom's training."""
    # The clock comes in as a user's callback does.
    config = DarkroomConfig.model_validate(CONFIGURATION | {"model": {"module": "support.step_clock"}})
    options = TrainerOptions.from_configuration(config, "bench")
    counts = {"train": dict.fromkeys(LABELS, TRAIN // len(LABELS))}
    facts = DatasetFacts(source="made", labels=LABELS, counts=counts, quarantined=0)
    fit(options, PreprocessingGraph(config.preprocessing), train, evaluation, facts=facts, store=StateStore(str(state)))
    return statistics.median(step_clock.newest().seconds)


if __name__ == "__main__":
    sys.exit(main())
