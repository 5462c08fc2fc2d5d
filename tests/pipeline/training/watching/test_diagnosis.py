"""Curves of trainings that went wrong in known ways, and of such that did not."""

import math

import pytest

from pipeline.training.watching.diagnosis import diagnose, not_a_number
from pipeline.training.watching.finding import Finding, Kind

CHANCE = math.log(10)


def curves(loss, val_loss=None, *, rate=0.01, phase="scratch"):
    made = {"loss": loss, "learning_rate": [rate] * len(loss), "phase": [phase] * len(loss)}
    return made | ({"val_loss": val_loss} if val_loss else {})


def kinds(*args, **options):
    return [finding.kind for finding in diagnose(curves(*args, **options), CHANCE)]


def falling(start, factor, epochs):
    return [start * factor**epoch for epoch in range(epochs)]


@pytest.mark.parametrize(
    ("loss", "val_loss"),
    [
        (falling(2.3, 0.8, 12), falling(2.4, 0.82, 12)),
        ([2.3, 1.1], [2.0, 1.0]),
        # Learned: what is left of the loss may do what it wants.
        ([2.3, 0.3, *[0.01, 0.012] * 6], [2.2, 0.4, *[0.02] * 12]),
        # The eval loss of a small split is noisy.
        (falling(2.3, 0.8, 8), [2.2, 1.9, 1.4, 1.5, 1.1, 1.0, 0.95, 0.9]),
    ],
    ids=["falls", "two epochs", "learned", "noisy eval"],
)
def test_nothing_is_said_of_a_good_training(loss, val_loss):
    assert kinds(loss, val_loss) == []


@pytest.mark.parametrize(
    ("loss", "val_loss"),
    [
        ([2.3, 9.0], None),
        ([40.0, 2.31, 2.30, 2.30], None),
        ([2.30, 2.60, 2.50, 2.70], None),
    ],
    ids=["rises", "stuck at chance after a leap", "rises above chance"],
)
def test_a_learning_rate_that_is_too_high(loss, val_loss):
    assert Kind.LEARNING_RATE_TOO_HIGH in kinds(loss, val_loss)


@pytest.mark.parametrize(
    ("loss", "val_loss", "epoch", "what"),
    [
        ([2.0, math.nan], [2.0, math.nan], 2, "training loss became nan"),
        ([2.0, 1.0, math.inf], None, 3, "training loss became inf"),
        ([2.0, 1.0, 0.9], [2.0, math.nan, math.nan], 2, "eval loss became nan"),
    ],
)
def test_a_loss_that_is_no_number(loss, val_loss, epoch, what):
    [finding] = diagnose(curves(loss, val_loss, rate=0.5))
    assert (finding == not_a_number(curves(loss, val_loss, rate=0.5))) == ("training" in what)
    assert (finding.kind, finding.epoch) == (Kind.LEARNING_RATE_TOO_HIGH, epoch)
    assert what in finding.seen
    assert "learning rate of 0.5" in finding.seen
    assert not_a_number(curves([2.0, 1.0])) is None


def test_no_fall_by_the_third_epoch():
    assert kinds([2.303, 2.301]) == []
    assert kinds([2.303, 2.301, 2.302]) == [Kind.NO_FALL]


def test_a_loss_that_stays_far_above_guessing_does_not_tell_in_which_direction_the_rate_is_wrong():
    assert kinds([3.50, 3.49, 3.52, 3.51]) == [Kind.NO_FALL]
    assert kinds([2.40, 2.38, 2.52, 2.43]) == [Kind.NO_FALL]


def test_a_learning_rate_that_is_too_low():
    assert kinds([2.30, 2.27, 2.24, 2.21]) == []
    assert kinds([2.30, 2.27, 2.24, 2.21, 2.18]) == [Kind.LEARNING_RATE_TOO_LOW]


def test_a_plateau():
    loss = [*falling(2.3, 0.7, 6), *[0.38] * 6]
    assert kinds(loss, loss) == [Kind.PLATEAU]
    assert kinds([*loss[:-1], 0.36], loss) == []


def test_overfitting():
    loss, val_loss = falling(2.0, 0.7, 9), [2.0, 1.5, 1.2, 1.0, 1.05, 1.12, 1.2, 1.3, 1.4]
    [finding] = diagnose(curves(loss, val_loss))
    assert finding.kind is Kind.OVERFITTING
    assert "Since epoch 4 the eval loss rose from 1 to 1.4" in finding.seen


@pytest.mark.parametrize("what", ["training", "eval"])
def test_oscillation(what):
    waves, smooth = [2.0, 1.0, 1.6, 0.9, 1.5, 0.9, 1.6], falling(2.0, 0.9, 7)
    loss, val_loss = (waves, smooth) if what == "training" else (smooth, waves)
    [finding] = diagnose(curves(loss, val_loss))
    assert finding.kind is Kind.OSCILLATION
    assert f"the {what} loss went up and down between 0.9 and 1.6" in finding.seen


def test_phases_are_looked_at_one_by_one():
    head = curves(falling(2.3, 0.8, 4), phase="head")
    whole = curves([9.0, math.nan], phase="all")
    [finding] = diagnose({key: [*head[key], *whole[key]] for key in head}, CHANCE)
    assert (finding.phase, finding.epoch) == ("all", 6)


def test_findings_survive_being_written():
    [finding] = diagnose(curves([2.0, math.nan]))
    assert Finding.from_json(finding.as_json()) == finding
