"""The learning-rate sweep as a tuner, so that its suggestion reaches the Trainer as any best value does."""

from __future__ import annotations

import os
from typing import Any

import keras_tuner
from keras_tuner import oracles
from keras_tuner.engine import base_tuner
from keras_tuner.engine import trial as kt_trial

from pipeline.progress import reporter
from pipeline.tuning.report import TrialReport, TuningReport
from pipeline.tuning.search import Search
from pipeline.tuning.sweep import SWEEP_PICTURE, SweepJob, read_sweep
from pipeline.tuning.values import REPORT_KEY
from pipeline.tuning.workers import TrialRunner

_RATE = "training.learning_rate"
_LOSS = "loss"


class SweepTuner(base_tuner.BaseTuner):
    """One sweep, told to KerasTuner as the one trial of a search."""

    def __init__(self, search: Search) -> None:
        """Takes what is swept."""
        section = search.section.sweep
        space = keras_tuner.HyperParameters()
        space.Float(_RATE, section.min, section.max, sampling="log")
        oracle = oracles.RandomSearchOracle(
            objective=keras_tuner.Objective(_LOSS, "min"), max_trials=1, hyperparameters=space, allow_new_entries=False
        )
        self._search = search
        super().__init__(oracle=oracle, directory=search.folder, project_name="search", overwrite=True)

    def search(self, *_: Any, **__: Any) -> None:
        """Sweeps.

        Raises:
            DarkroomError: the loss did not fall at any rate.
        """
        search = self._search
        job = SweepJob(options=search.options, inputs=search.inputs, section=search.section.sweep, folder=search.folder)
        runner = TrialRunner(1, search.options.training.distribution)
        runner.run("pipeline.tuning.sweep.run_sweep", job.model_dump(mode="json"), 0)
        sweep = read_sweep(search.folder)
        values = {_RATE: sweep.suggestion}
        trial = self.oracle.create_trial(self.tuner_id)
        trial.hyperparameters.values = dict(values)
        trial.status = kt_trial.TrialStatus.COMPLETED
        self.oracle.update_trial(trial.trial_id, {_LOSS: sweep.smoothed[sweep.at]})
        self.oracle.end_trial(trial)
        picture = os.path.join(search.folder, SWEEP_PICTURE)
        reporter().step(f"learning-rate sweep suggests {sweep.suggestion:g}: {picture}")
        TuningReport(
            algorithm=search.section.algorithm,
            objective=_LOSS,
            rising=False,
            best=values,
            trials=(TrialReport(trial=trial.trial_id, values=values, score=sweep.smoothed[sweep.at]),),
            pictures=(picture,),
        ).write(search.folder)

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[keras_tuner.HyperParameters]:
        """The suggestion, and where the report is."""
        [best] = super().get_best_hyperparameters(1)
        copied = best.copy()
        copied.values[REPORT_KEY] = self._search.folder
        return [copied]
