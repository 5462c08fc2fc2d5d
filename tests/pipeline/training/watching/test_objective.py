"""Objectives and patience over made-up epochs."""

from types import SimpleNamespace

import pytest

from darkroom.configuration.objective_section import ObjectiveSection
from pipeline.training.recipes.phase import Watched
from pipeline.training.watching.history import History
from pipeline.training.watching.objective import Objective
from pipeline.training.watching.patience import Patience


class Run:
    """Epochs of one phase, as Keras would pass them to a callback."""

    def __init__(self, make):
        self.history = History()
        self.history.phase = "scratch"
        self.callback = make(self.history)
        self.model = SimpleNamespace(
            stop_training=False, optimizer=SimpleNamespace(learning_rate=0.1), distribute_strategy=None
        )
        for callback in (self.history, self.callback):
            callback._model = self.model

    def epochs_until_the_end(self, **curves):
        for epoch, values in enumerate(zip(*curves.values(), strict=True)):
            logs = dict(zip(curves, values, strict=True))
            self.history.on_epoch_end(epoch, logs)
            self.callback.on_epoch_end(epoch, logs)
            if self.model.stop_training:
                return epoch + 1
        return None


def objective(greater_is_better=True, **section):
    return Run(lambda history: Objective(ObjectiveSection(**section), greater_is_better, history))


def test_an_objective_ends_training_when_it_is_reached():
    run = objective(reach=0.8)
    assert run.epochs_until_the_end(loss=[3, 2, 1], val_accuracy=[0.5, 0.8, 0.9]) == 2
    assert run.callback.reached
    assert run.callback.ended.startswith("Training ended after epoch 2: val_accuracy reached 0.8")


def test_an_error_is_reached_from_above():
    run = objective(greater_is_better=False, metric="val_log_loss", reach=0.5)
    assert run.epochs_until_the_end(loss=[3, 2, 1], val_log_loss=[0.9, 0.6, 0.4]) == 3


@pytest.mark.parametrize(("loss", "end"), [([1.0, 1.5, 2.1], 3), ([1.0, 0.1, 0.9], None)])
def test_a_training_that_diverges_ends(loss, end):
    run = objective(diverge=2.0)
    assert run.epochs_until_the_end(loss=loss) == end
    assert not run.callback.reached


def test_nothing_is_watched_by_default():
    assert objective().epochs_until_the_end(loss=[1.0, 100.0]) is None


def patience(epochs, **watched):
    return Run(lambda _: Patience(Watched(**watched), epochs))


def test_patience_ends_after_epochs_without_a_noticeable_change_for_the_better():
    watched = {"metric": "val_f1", "greater_is_better": True, "min_delta": 0.05}
    assert patience(2, **watched).epochs_until_the_end(loss=[1] * 5, val_f1=[0.1, 0.5, 0.52, 0.54, 0.9]) == 4
    assert patience(2, **watched).epochs_until_the_end(loss=[1] * 5, val_f1=[0.1, 0.5, 0.52, 0.56, 0.9]) is None


def test_memory_is_given_back():
    first, second = (patience(3, metric="loss", greater_is_better=False) for _ in range(2))
    first.epochs_until_the_end(loss=[1.0, 2.0, 2.0])
    second.callback.restore(first.callback.state())
    assert second.epochs_until_the_end(loss=[2.0]) == 1
