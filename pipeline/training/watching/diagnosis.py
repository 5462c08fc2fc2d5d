"""What the curves of a training say about its settings."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.training.watching.finding import Finding, Kind
from pipeline.training.watching.history import LEARNING_RATE, PHASE

# By the third epoch, a network that learns has left its first epoch's loss behind by more than noise.
_EPOCHS_TO_FALL = 3
_NOTICEABLE = 0.01

# A loss that is half as high again as it was after one epoch does not come down by itself.
_RISE = 1.5

# A network whose units have died says the same of every image: its loss lies still where guessing has it.
_AT_CHANCE = 0.02
_FAR_ABOVE_CHANCE = 1.2
_CLEARLY = 1.05

_EPOCHS_TO_CALL_SLOW = 5
_SLOW = 0.1

_PLATEAU_WINDOW = 5
_EPOCHS_BEFORE_PLATEAU = 5
# A training loss below this share of the first is learned, and has no need to fall.
_LEARNED = 0.05

_OVERFITTED_FOR = 3
_OVERFITTED_BY = 1.1

_OSCILLATION_WINDOW = 6
_TURNS = 3
_SWING = 0.1
# The eval split is smaller, so it swings more.
_EVAL_SWING = 0.25


@dataclass(frozen=True, slots=True)
class _Phase:
    """The curves of one phase.

    Attributes:
        name: of the phase.
        before: epochs of earlier phases.
        loss, val_loss: one value for each epoch; `val_loss` is empty where it was not measured.
        rate: the learning rate at each epoch's end.
        chance: the loss of guessing; None where it is not known.
    """

    name: str
    before: int
    loss: tuple[float, ...]
    val_loss: tuple[float, ...]
    rate: tuple[float, ...]
    chance: float | None

    def finding(self, kind: Kind, seen: str, advice: str, epoch: int | None = None) -> Finding:
        """One about an epoch of the phase, from 1; about the last if none is given."""
        return Finding(kind, self.name, self.before + (epoch or len(self.loss)), seen, advice)


def diagnose(curves: Mapping[str, Sequence[Any]], chance_loss: float | None = None) -> tuple[Finding, ...]:
    """Everything that the curves show, phase by phase.

    Args:
        curves: a value of each metric for each epoch, with `loss`, `learning_rate` and `phase`, perhaps `val_loss`.
        chance_loss: the loss of a classifier that guesses, ln(classes); None where that is not known.
    """
    return tuple(finding for phase in _phases(curves, chance_loss) for finding in _of_phase(phase))


def not_a_number(curves: Mapping[str, Sequence[Any]]) -> Finding | None:
    """The diagnosis of a training loss that is no longer a number; None if all values are.

    An eval loss may recover, where batch norm's averages had not settled.
    """
    for phase in _phases(curves, None):
        found = _no_number(phase, "training", phase.loss)
        if found is not None:
            return found
    return None


def within_an_epoch(loss: float, rate: float, phase: str, epoch: int) -> Finding:
    """The diagnosis of a loss that stopped to be a number before its epoch ended; the epoch counts from 1."""
    return _Phase(phase, epoch - 1, (loss,), (), (rate,), None).finding(
        Kind.LEARNING_RATE_TOO_HIGH,
        f"The training loss became {loss} in epoch {epoch}, at a learning rate of {rate:g}.",
        _LOWER_THE_RATE,
    )


_LOWER_THE_RATE = (
    "Divide training.learning_rate by 10; if that is too slow, let it rise with training.schedule.warmup_epochs, and "
    "bound steps with training.optimizer.global_clip_norm."
)


def _phases(curves: Mapping[str, Sequence[Any]], chance: float | None) -> Iterator[_Phase]:
    names, before = curves.get(PHASE, ()), 0
    for name, group in itertools.groupby(names):
        end = before + len(list(group))
        loss, val_loss, rate = (tuple(curves.get(key, ())[before:end]) for key in ("loss", "val_loss", LEARNING_RATE))
        if loss:
            yield _Phase(str(name), before, loss, val_loss, rate, chance)
        before = end


def _of_phase(phase: _Phase) -> Iterator[Finding]:
    broken = _no_number(phase, "training", phase.loss) or _no_number(phase, "eval", phase.val_loss)
    if broken is not None:
        yield broken
        return
    rules = (_too_high, _no_fall, _too_low, _overfitting, _plateau, _oscillation)
    yield from (found for rule in rules if (found := rule(phase)) is not None)


def _no_number(phase: _Phase, what: str, values: Sequence[float]) -> Finding | None:
    for epoch, value in enumerate(values, start=1):
        if not math.isfinite(value):
            return phase.finding(
                Kind.LEARNING_RATE_TOO_HIGH,
                f"The {what} loss became {value} in epoch {phase.before + epoch}, at a learning rate of "
                f"{phase.rate[epoch - 1]:g}.",
                _LOWER_THE_RATE,
                epoch,
            )
    return None


def _too_high(phase: _Phase) -> Finding | None:
    first, last = phase.loss[0], phase.loss[-1]
    if len(phase.loss) > 1 and first > 0 and last > _RISE * first:
        seen = f"The training loss rose from {first:.4g} to {last:.4g}, at a learning rate of {phase.rate[-1]:g}."
        return phase.finding(Kind.LEARNING_RATE_TOO_HIGH, seen, _LOWER_THE_RATE)
    if phase.chance is None or len(phase.loss) < _EPOCHS_TO_FALL:
        return None
    recent = phase.loss[-_EPOCHS_TO_FALL:]
    at_chance = all(abs(loss - phase.chance) <= _AT_CHANCE * phase.chance for loss in recent)
    leapt_there = at_chance and first > _FAR_ABOVE_CHANCE * phase.chance
    # Dropout and small batches move a loss about, but not up for good.
    risen = min(recent) > _CLEARLY * max(first, phase.chance)
    if leapt_there or risen:
        seen = (
            f"The training loss is stuck at {last:.4g}, no better than guessing ({phase.chance:.4g}); "
            f"after the first epoch it was {first:.4g}, at a learning rate of {phase.rate[0]:g}."
        )
        return phase.finding(Kind.LEARNING_RATE_TOO_HIGH, seen, _LOWER_THE_RATE)
    return None


def _no_fall(phase: _Phase) -> Finding | None:
    if len(phase.loss) < _EPOCHS_TO_FALL:
        return None
    first, best = phase.loss[0], min(phase.loss[1:])
    if first - best > _NOTICEABLE * abs(first):
        return None
    return phase.finding(
        Kind.NO_FALL,
        f"After {len(phase.loss)} epochs the training loss has not fallen: it began at {first:.4g}, and its lowest "
        f"value since is {best:.4g}, at a learning rate of {phase.rate[-1]:g}.",
        "Look at labels and pixels first (is preprocessing.scaling what the weights want?), then try a learning rate "
        "10 times higher and one 10 times lower.",
    )


def _too_low(phase: _Phase) -> Finding | None:
    falls = [before - after for before, after in itertools.pairwise(phase.loss)]
    if len(phase.loss) < _EPOCHS_TO_CALL_SLOW or min(falls) <= 0:
        return None
    first, last = phase.loss[0], phase.loss[-1]
    # A curve that becomes flat is near its end; one that falls as it fell at first is only slow.
    if first - last >= _SLOW * abs(first) or falls[-1] < falls[0] / 2:
        return None
    return phase.finding(
        Kind.LEARNING_RATE_TOO_LOW,
        f"The training loss fell in each of {len(phase.loss)} epochs, but only from {first:.4g} to {last:.4g}, at a "
        f"learning rate of {phase.rate[-1]:g}.",
        "Multiply training.learning_rate by 3 to 10.",
    )


def _overfitting(phase: _Phase) -> Finding | None:
    if not phase.val_loss:
        return None
    best = min(range(len(phase.val_loss)), key=phase.val_loss.__getitem__)
    recent = phase.val_loss[-_OVERFITTED_FOR:]
    lowest = phase.val_loss[best]
    if len(phase.val_loss) - 1 - best < _OVERFITTED_FOR or lowest <= 0 or min(recent) <= _OVERFITTED_BY * lowest:
        return None
    if phase.loss[-1] >= phase.loss[best]:
        return None
    return phase.finding(
        Kind.OVERFITTING,
        f"Since epoch {phase.before + best + 1} the eval loss rose from {lowest:.4g} to {phase.val_loss[-1]:.4g}, "
        f"while the training loss fell from {phase.loss[best]:.4g} to {phase.loss[-1]:.4g}.",
        "Add training.augmentation, model.dropout or training.optimizer.weight_decay, train a smaller model, or get "
        "more images; training.early_stopping keeps the best epoch.",
    )


def _plateau(phase: _Phase) -> Finding | None:
    if len(phase.loss) < _EPOCHS_BEFORE_PLATEAU + _PLATEAU_WINDOW or phase.loss[-1] <= _LEARNED * phase.loss[0]:
        return None
    if phase.loss[0] - min(phase.loss) <= _NOTICEABLE * abs(phase.loss[0]):
        # It never fell, which is said already.
        return None
    for values in (phase.loss, phase.val_loss):
        earlier, recent = values[:-_PLATEAU_WINDOW], values[-_PLATEAU_WINDOW:]
        if values and min(earlier) - min(recent) > _NOTICEABLE * abs(min(earlier)):
            return None
    return phase.finding(
        Kind.PLATEAU,
        f"In the last {_PLATEAU_WINDOW} epochs neither loss fell by 1 %: the training loss is {phase.loss[-1]:.4g}, it "
        f"began at {phase.loss[0]:.4g}.",
        "Lower the learning rate when this happens (training.schedule.name plateau), or train a larger model; if the "
        "accuracy is good enough, fewer epochs do.",
    )


def _oscillation(phase: _Phase) -> Finding | None:
    for what, values, swing in (("training", phase.loss, _SWING), ("eval", phase.val_loss, _EVAL_SWING)):
        window = values[-_OSCILLATION_WINDOW:]
        if len(window) < _OSCILLATION_WINDOW:
            continue
        steps = [after - before for before, after in itertools.pairwise(window)]
        turns = sum(one * other < 0 for one, other in itertools.pairwise(steps))
        mean = sum(window) / len(window)
        size = sum(map(abs, steps)) / len(steps)
        if turns >= _TURNS and mean > _LEARNED * values[0] and size > swing * abs(mean):
            return phase.finding(
                Kind.OSCILLATION,
                f"In the last {_OSCILLATION_WINDOW} epochs the {what} loss went up and down between {min(window):.4g} "
                f"and {max(window):.4g}, at a learning rate of {phase.rate[-1]:g}.",
                "Divide training.learning_rate by 3, or raise training.batch_size"
                + ("; a larger eval split swings less." if what == "eval" else "."),
            )
    return None
