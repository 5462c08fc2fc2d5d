"""One trial: the training with some values of its hyperparameters, whole or as far as its epochs go."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from pydantic import BaseModel, ConfigDict

from darkroom.configuration.checkpoint_section import KeepSection
from darkroom.configuration.metrics_section import EVAL_PREFIX, LOSS
from darkroom.configuration.tensorboard_section import TensorBoardSection
from darkroom.errors import ConfigurationError, DarkroomError, TrainingPausedError
from pipeline.progress import EpochProgress, ProgressReporter, reporter, reporting_to
from pipeline.training.fit import fit
from pipeline.training.inputs import TrainingInputs
from pipeline.training.options import TrainerOptions
from pipeline.training.state.saver import read_state
from pipeline.training.state.store import StateStore
from pipeline.training.watching.history import History

_RESULT_FILE = "result.json"
_STATE_FOLDER = "state"


class TrialJob(BaseModel):
    """What a trial is to do, in a form that any process can read.

    Attributes:
        name: for people: `trial 3`.
        options: of the training, with this trial's values.
        inputs: TFX's `train_files`, `eval_files` and `transform_output`.
        folder: for its state, curves and result; the next process that is given it goes on with the trial.
        epochs: after which it ends, over all its phases; None trains to the end.
        goes_on_from: folder of a trial with the same values and fewer epochs.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    options: TrainerOptions
    inputs: dict[str, Any]
    folder: str
    epochs: int | None = None
    goes_on_from: str | None = None


class TrialResult(BaseModel):
    """What a trial did.

    Attributes:
        history: a value of each metric for each epoch.
        findings: of the diagnosis, a sentence each.
        seconds: that it took, sessions before included.
    """

    model_config = ConfigDict(frozen=True)

    history: dict[str, list[Any]]
    findings: tuple[str, ...] = ()
    seconds: float

    def best(self, metric: str, *, rising: bool) -> float:
        """The best value over the epochs.

        Raises:
            ConfigurationError: it is not measured.
            DarkroomError: it was never a number.
        """
        values = self.history.get(metric)
        if values is None:
            measured = ", ".join(name for name in self.history if name.startswith(EVAL_PREFIX))
            raise ConfigurationError(f"tuning.objective {metric} is not measured; there are {measured}")
        numbers = [value for value in values if not math.isnan(value)]
        if not numbers:
            raise DarkroomError(f"{metric} was not a number in any epoch")
        return float(max(numbers) if rising else min(numbers))

    @property
    def epochs(self) -> int:
        """How many it trained."""
        return max(map(len, self.history.values()), default=0)


def trial_options(options: TrainerOptions, values: Mapping[str, Any], objective: str) -> TrainerOptions:
    """The training's options with a trial's values, without what would only keep or show it.

    Raises:
        ConfigurationError: the values do not fit together.
    """
    changed = options.with_values(values)
    section = changed.training
    update: dict[str, Any] = {
        "metrics": _measuring(changed, objective),
        "recipe": section.recipe.model_copy(update={"compare_with_scratch": False}),
        "checkpoint": section.checkpoint.model_copy(update={"resume": True, "keep": KeepSection()}),
        "tensorboard": TensorBoardSection(),
        "keep_optimizer": False,
        "save_domain": None,
        "max_minutes": None,
    }
    return changed.model_copy(update={"training": section.model_copy(update=update), "domain_folder": None})


def run_trial(job: dict[str, Any]) -> None:
    """Trains, and leaves the result in the trial's folder.

    Args:
        job: a TrialJob as JSON.

    Raises:
        DarkroomError: these values cannot be trained with.
    """
    trial = TrialJob.model_validate(job)
    # What the trials before left in this process's graph and memory.
    keras.backend.clear_session()
    store = StateStore(os.path.join(trial.folder, _STATE_FOLDER))
    if trial.goes_on_from is not None and store.load() is None:
        _copy_files(os.path.join(trial.goes_on_from, _STATE_FOLDER), store.folder)
    inputs = TrainingInputs.read(trial.inputs, trial.options.preprocessing)
    with reporting_to(_TrialReporter(trial.name, reporter())):
        try:
            fitted = fit(
                trial.options,
                inputs.graph,
                inputs.train,
                inputs.evaluation,
                facts=inputs.facts,
                store=store,
                run_folder=trial.folder,
                pause_after=trial.epochs,
            )
        except TrainingPausedError:
            result = _so_far(store)
        else:
            result = TrialResult(
                history=fitted.history,
                findings=tuple(f"{finding.seen} {finding.advice}" for finding in fitted.findings),
                seconds=fitted.seconds,
            )
    _write(os.path.join(trial.folder, _RESULT_FILE), result.model_dump_json())


def read_result(folder: str) -> TrialResult:
    """What a trial left in its folder."""
    with tf.io.gfile.GFile(os.path.join(folder, _RESULT_FILE)) as file:
        return TrialResult.model_validate_json(file.read())


def forget_state(folder: str) -> None:
    """Removes the state with which a trial could go on."""
    StateStore(os.path.join(folder, _STATE_FOLDER)).clear()


def _measuring(options: TrainerOptions, objective: str) -> tuple[str, ...]:
    """The training's metrics and the objective's; a module with `compile_model` chooses its own."""
    metrics, name = options.training.metrics, objective.removeprefix(EVAL_PREFIX)
    compiles = options.own_code is not None and "compile_model" in options.own_code.hooks
    return metrics if compiles or name == LOSS or name in metrics else (*metrics, name)


def _so_far(store: StateStore) -> TrialResult:
    saved = read_state(store)
    if saved is None:
        raise DarkroomError(f"The state of a paused trial is not in {store.folder}")
    return TrialResult(history=saved.callbacks[History.key]["values"], seconds=saved.seconds)


def _copy_files(source: str, target: str) -> None:
    tf.io.gfile.makedirs(target)
    for name in tf.io.gfile.listdir(source):
        tf.io.gfile.copy(os.path.join(source, name), os.path.join(target, name), overwrite=True)


def _write(path: str, text: str) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text + "\n")


class _TrialReporter:
    """Says of which trial an epoch is."""

    def __init__(self, name: str, target: ProgressReporter) -> None:
        self._name, self._target = name, target

    def epoch(self, progress: EpochProgress) -> None:
        """Passes it on under the trial's name."""
        phase = f"{self._name}  {progress.phase}".rstrip()
        self._target.epoch(EpochProgress(progress.epoch, progress.epochs, progress.metrics, progress.seconds, phase))

    def step(self, text: str) -> None:
        """Passes it on under the trial's name."""
        self._target.step(f"{self._name}: {text}")

    def note(self, text: str) -> None:
        """Passes it on under the trial's name."""
        self._target.note(f"{self._name}: {text}")
