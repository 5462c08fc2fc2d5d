"""The learning-rate sweep: a short training whose learning rate rises, and the rate at which the loss fell fastest.

The method is Smith's learning-rate range test (Cyclical Learning Rates for Training Neural Networks, WACV 2017), with
the rate rising by the same factor in each step rather than by the same amount, as is usual since.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from pydantic import BaseModel, ConfigDict

from darkroom.configuration.tuning_section import SweepSection
from darkroom.errors import DarkroomError
from pipeline.distribution.learning_rate_scaling import scaled_learning_rate
from pipeline.distribution.strategy import make_strategy
from pipeline.training.compilation import compile_network
from pipeline.training.feeding.feeding import feeding
from pipeline.training.inputs import TrainingInputs
from pipeline.training.options import TrainerOptions
from pipeline.training.preparation import Material
from pipeline.training.recipes.freezing import Freezing
from pipeline.training.subject import Subject, run_epochs
from pipeline.training.watching.pictures import new_figure, write_png

SWEEP_FILE = "learning_rate_sweep.json"
SWEEP_PICTURE = "learning_rate_sweep.png"

# The mean over about as many steps as this leaves a tenth of the batches' own noise at 150 steps.
_SMOOTHED_STEPS = 10

# Beyond so many times the lowest loss nothing is left to learn from the steps that follow.
_DIVERGED = 4.0

# What of the first loss must be lost for a fall to be one, and how many standard errors of the smoothed loss.
_LEAST_FALL = 0.02
_LEAST_ERRORS = 5.0


class SweepJob(BaseModel):
    """What a sweep is to do, in a form that any process can read.

    Attributes:
        options: of the training.
        inputs: TFX's `train_files`, `eval_files` and `transform_output`.
        section: from which rate to which.
        folder: for the result and the picture.
    """

    model_config = ConfigDict(frozen=True)

    options: TrainerOptions
    inputs: dict[str, Any]
    section: SweepSection
    folder: str


class Sweep(BaseModel):
    """What was seen.

    Attributes:
        rates: the learning rate of each step.
        losses: the training loss of each step's batch.
        smoothed: their moving average.
        suggestion: where the smoothed loss fell fastest.
        at: the suggestion's place among the steps.
    """

    model_config = ConfigDict(frozen=True)

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float
    at: int


def run_sweep(job: dict[str, Any]) -> None:
    """Trains the first phase's layers for a few steps, and leaves the curve and the suggestion in the folder.

    Args:
        job: a SweepJob as JSON.

    Raises:
        DarkroomError: the loss did not fall at any rate.
    """
    sweep_job = SweepJob.model_validate(job)
    options, inputs = sweep_job.options, TrainingInputs.read(sweep_job.inputs, sweep_job.options.preprocessing)
    keras.backend.clear_session()
    if options.training.deterministic:
        tf.config.experimental.enable_op_determinism()
    strategy = make_strategy(options.training.distribution)
    rates = rising_rates(sweep_job.section)
    with feeding(inputs.train, inputs.evaluation, inputs.graph, options.training, strategy) as fed:
        subject, phases = Material(fed, inputs.facts, strategy).prepare(options)
        with strategy.scope():
            phases[0].prepare(subject.network, Freezing(subject.network))
            compile_network(subject.network, options, subject.facts, sweep_job.section.min)
        losses = _losses(subject, rates)
    tf.io.gfile.makedirs(sweep_job.folder)
    smoothed = smooth(losses)
    picture = os.path.join(sweep_job.folder, SWEEP_PICTURE)
    at = steepest(losses)
    write_png(_figure(rates, losses, smoothed, at), picture)
    if at is None:
        raise DarkroomError(
            f"The loss did not fall at any learning rate between {rates[0]:g} and {rates[len(losses) - 1]:g}: see "
            f"{picture}. Look at labels and preprocessing, or sweep other rates (tuning.sweep)."
        )
    sweep = Sweep(
        rates=tuple(rates[: len(losses)]),
        losses=tuple(losses),
        smoothed=tuple(smoothed),
        suggestion=float(f"{rates[at]:.2g}"),
        at=at,
    )
    with tf.io.gfile.GFile(os.path.join(sweep_job.folder, SWEEP_FILE), "w") as file:
        file.write(sweep.model_dump_json() + "\n")


def read_sweep(folder: str) -> Sweep:
    """What a sweep left in its folder."""
    with tf.io.gfile.GFile(os.path.join(folder, SWEEP_FILE)) as file:
        return Sweep.model_validate_json(file.read())


def rising_rates(section: SweepSection) -> list[float]:
    """The learning rate of each step; two neighbours have the same ratio everywhere."""
    return [float(rate) for rate in np.geomspace(section.min, section.max, section.steps)]


def smooth(losses: Sequence[float]) -> list[float]:
    """The mean of each step's loss and those around it, fewer at both ends."""
    half = _SMOOTHED_STEPS // 2
    return [float(np.mean(losses[max(step - half, 0) : step + half + 1])) for step in range(len(losses))]


def steepest(losses: Sequence[float]) -> int | None:
    """Where, over the logarithm of the learning rate, the smoothed loss falls fastest before its lowest point.

    Args:
        losses: at rates of which two neighbours have the same ratio.

    Returns:
        The step; None where the loss does not fall, or no further than single batches differ anyway.
    """
    smoothed = smooth(losses)
    lowest = int(np.argmin(smoothed))
    fall = smoothed[0] - smoothed[lowest]
    error = float(np.std(np.subtract(losses, smoothed))) / math.sqrt(_SMOOTHED_STEPS)
    if lowest < 2 or fall < max(_LEAST_FALL * abs(smoothed[0]), _LEAST_ERRORS * error):
        return None
    slopes = np.gradient(np.asarray(smoothed[: lowest + 1]))
    return int(np.argmin(slopes))


class _RisingRate(keras.callbacks.Callback):
    """Sets the rate before each step, and takes the loss of its batch down."""

    def __init__(self, rates: Sequence[float]) -> None:
        super().__init__()
        self._rates = rates
        self.losses: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """The next rate; and the running mean of the loss begins anew, so that it is this batch's own."""
        self.model.optimizer.learning_rate = self._rates[len(self.losses)]
        for metric in self.model.metrics:
            if metric.name == "loss":
                metric.reset_state()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Ends when all rates have been, or there is nothing left to see."""
        loss = float((logs or {})["loss"])
        if not math.isfinite(loss):
            self.model.stop_training = True
            return
        self.losses.append(loss)
        diverged = len(self.losses) > _SMOOTHED_STEPS and loss > _DIVERGED * min(smooth(self.losses))
        if diverged or len(self.losses) == len(self._rates):
            self.model.stop_training = True


def _losses(subject: Subject, rates: Sequence[float]) -> list[float]:
    section, replicas = subject.options.training, subject.strategy.num_replicas_in_sync
    rising = _RisingRate([scaled_learning_rate(section.distribution, rate, replicas) for rate in rates])
    epochs = math.ceil(len(rates) / subject.batches.per_epoch)
    run_epochs(subject, 0, epochs, [rising], evaluated=False)
    return rising.losses


def _figure(rates: Sequence[float], losses: Sequence[float], smoothed: Sequence[float], at: int | None) -> Figure:
    figure = new_figure(8, 4.5)
    axes = figure.add_subplot()
    shown = rates[: len(losses)]
    axes.plot(shown, losses, color="tab:blue", alpha=0.3, linewidth=1, label="each step")
    axes.plot(shown, smoothed, color="tab:blue", label="smoothed")
    if at is not None:
        axes.axvline(rates[at], color="tab:green", linestyle="--", linewidth=1, label=f"suggested: {rates[at]:.2g}")
    axes.set_xscale("log")
    axes.set_ylim(top=min(max(losses), 2 * losses[0]) * 1.05 if losses else None)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
