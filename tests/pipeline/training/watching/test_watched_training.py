"""Whole trainings of tiny networks that are watched."""

import itertools
import json

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError, DarkroomError
from pipeline.progress import reporting_to
from pipeline.training.description import model_description
from pipeline.training.fit import fit
from pipeline.training.options import TrainerOptions
from pipeline.training.state.store import StateStore
from pipeline.training.watching.finding import Kind
from preprocessing.graph import PreprocessingGraph
from tests.pipeline.training.records import facts, write_split

TRAIN, EVAL = 24, 12
NUMBERS = itertools.count()
DOCUMENT = {
    "preprocessing": {"height": 8, "width": 8, "channels": 1, "scaling": "symmetric"},
    "model": {"small_cnn": {"filters": [4], "dense_units": 4}},
    "training": {"epochs": 2, "batch_size": 12, "early_stopping": None, "learning_rate": 0.01},
}


class Notes:
    """What was told; like a killed process, ends in the middle of the epoch with a number, counted over all phases."""

    def __init__(self, killed_in=None):
        self.texts, self.phases, self._killed_in = [], [], killed_in

    def epoch(self, progress):
        self.phases.append(progress.phase)
        if len(self.phases) == self._killed_in:
            raise KeyboardInterrupt

    def note(self, text):
        self.texts.append(text)


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    root = tmp_path_factory.mktemp("examples")
    return write_split(root / "train", TRAIN), write_split(root / "eval", EVAL)


@pytest.fixture
def train(splits, tmp_path):
    def run(*, training, model=None, module=None, eval_counts=None, store=None, notes=None):
        document = json.loads(json.dumps(DOCUMENT))
        document["training"] |= training
        document["model"] |= model or {}
        if module is not None:
            document["model"]["module"] = f"own_watched_{next(NUMBERS)}"
            (tmp_path / f"{document['model']['module']}.py").write_text("import keras, tensorflow as tf\n" + module)
        config = DarkroomConfig.model_validate(document).located_at(tmp_path)
        options = TrainerOptions.from_configuration(config, "0")
        known = facts(TRAIN)
        known = known.model_copy(update={"counts": known.counts | {"eval": eval_counts or {}}})
        graph, notes = PreprocessingGraph(config.preprocessing), notes or Notes()
        with reporting_to(notes):
            result = fit(options, graph, *splits, facts=known, run_folder=str(tmp_path / "run"), store=store)
        return result, model_description(options, known, graph, result), notes.texts

    return run


def test_a_run_folder_holds_curves_checkpoints_and_logs(train, tmp_path):
    score = "def score(y_true, y_pred):\n    return tf.gather(y_pred, y_true, axis=1, batch_dims=1)\n"
    result, description, _ = train(
        training={
            "epochs": 4,
            "metrics": ["f1", "roc_auc", "top_2_accuracy", "score"],
            "best_metric": "val_f1",
            "checkpoint": {"keep": {"every_epochs": 2, "best": True}},
            "tensorboard": {"enabled": True, "pictures_every": 2},
        },
        module=score,
    )
    run = tmp_path / "run"
    for name in ("f1", "roc_auc", "top_2_accuracy", "score"):
        assert len(result.history[name]) == len(result.history[f"val_{name}"]) == 4
        assert (run / "curves" / f"{name}.png").stat().st_size > 1000
    assert result.best_epoch == int(np.argmax(result.history["val_f1"])) + 1
    assert description["training"]["metrics"]["val_f1"] == max(result.history["val_f1"])

    assert {file.name for file in (run / "checkpoints").iterdir()} == {
        "best.keras",
        "epoch-0002.keras",
        "epoch-0004.keras",
    }
    best = keras.models.load_model(run / "checkpoints" / "best.keras")
    for kept, weights in zip(best.get_weights(), result.network.model.get_weights(), strict=True):
        assert np.array_equal(kept, weights)

    logs = EventAccumulator(str(run / "tensorboard" / "validation"), {"tensors": 0}).Reload()
    assert [event.step for event in logs.Tensors("metrics/f1")] == [1, 2, 3, 4]
    assert [event.step for event in logs.Tensors("confusion_matrix")] == [2, 4]
    assert [event.step for event in logs.Tensors("predictions")] == [2, 4]
    assert "training/learning_rate" in EventAccumulator(str(run / "tensorboard" / "train")).Reload().Tags()["tensors"]


def test_a_loss_that_is_no_number_ends_training_with_what_to_change(train, tmp_path):
    module = (
        "def compile_model(model):\n"
        "    def broken(y_true, y_pred):\n"
        "        return tf.math.log(-1.0 - tf.reduce_sum(y_pred, axis=-1))\n"
        "    model.compile('sgd', broken)\n"
    )
    with pytest.raises(
        DarkroomError, match=r"became nan in epoch 1, at a learning rate of 0.01. Divide training.learn"
    ):
        train(training={"epochs": 3}, module=module)
    assert (tmp_path / "run" / "curves" / "loss.png").exists()


def test_findings_are_told_and_described(train):
    result, description, notes = train(
        training={"epochs": 3, "learning_rate": 1e-9, "schedule": {"name": "constant"}, "batch_size": TRAIN},
        # Dropout would move the loss of so few images about.
        model={"dropout": 0.0},
    )
    assert Kind.NO_FALL in [finding.kind for finding in result.findings]
    assert [finding["seen"] for finding in description["training"]["findings"]] == [
        finding.seen for finding in result.findings
    ]
    assert [str(finding) for finding in result.findings] == notes


def test_an_objective_ends_all_phases_with_the_weights_that_reach_it(train):
    result, description, notes = train(
        training={"recipe": {"name": "fine_tune"}, "objective": {"metric": "val_recall", "reach": 0.0}}
    )
    assert result.epochs_run == result.best_epoch == 1
    assert set(result.history["phase"]) == {"head"}
    assert description["training"]["ended"] in notes


def test_weights_that_do_not_help_are_given_up_however_often_it_is_killed(train, tmp_path):
    first, _, _ = train(training={"epochs": 1})
    base = first.network.base
    keras.Model(base.input, base.output).save_weights(tmp_path / "poor.weights.h5")
    recipe = {"name": "transfer", "compare_with_scratch": True, "negative_transfer": "fall_back"}
    # As if nothing could be better than answering the commonest class.
    poor = {"training": {"recipe": recipe}, "model": {"weights": "poor.weights.h5"}, "eval_counts": {"dark": EVAL}}
    poor["store"] = StateStore(str(tmp_path / "state"))
    # In the comparison, in the transfer's second epoch, in the second epoch of the training from scratch.
    for killed_in in (1, 4, 3):
        with pytest.raises(KeyboardInterrupt):
            train(**poor, notes=Notes(killed_in))
    last = Notes()
    result, description, notes = train(**poor, notes=last)
    assert last.phases == ["scratch"]
    assert result.fallbacks == description["training"]["fallbacks"] == 1
    assert description["training"]["weights"] is None
    assert Kind.BELOW_TRIVIAL in [finding.kind for finding in result.findings]
    assert result.transfer["trivial"] == 1.0
    assert any("begins anew, from scratch" in note for note in notes)
    alone, _, _ = train(training={})
    assert result.transfer["scratch"] == max(alone.history["val_accuracy"])
    for one, other in zip(result.network.model.get_weights(), alone.network.model.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_metrics_that_do_not_fit_end_it_before_training(train):
    with pytest.raises(ConfigurationError, match="The metric lift is for two classes, and there are 3"):
        train(training={"metrics": ["lift"]})
    with pytest.raises(ValueError, match=r"there is no metric 'f1_score'; did you mean f1\?|did you mean"):
        train(training={"metrics": ["f1_score"]})
