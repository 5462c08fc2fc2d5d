"""The search: KerasTuner's oracle chooses values, trials of the training score them."""

from __future__ import annotations

import contextvars
import logging
import os
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

import keras_tuner
import tensorflow as tf
from keras_tuner.engine import base_tuner
from keras_tuner.engine import trial as kt_trial

from darkroom.errors import DarkroomError
from pipeline.progress import reporter
from pipeline.tuning.report import TrialReport, TuningReport, ranked, write_picture
from pipeline.tuning.search import Search
from pipeline.tuning.trial import TrialJob, forget_state, read_result, trial_options
from pipeline.tuning.values import REPORT_KEY, plain_values
from pipeline.tuning.workers import TrialRunner

# So many trials that fail before any succeeds mean that it is not their values.
_HOPELESS = 3

_IDLE_SECONDS = 0.2

# KerasTuner's own: the variable that makes a process one of several, and what the chief's name has in it.
_ORACLE = "KERASTUNER_ORACLE_IP"
_CHIEF = "chief"

_RUN_FOLDER = "run"

_log = logging.getLogger(__name__)

_Status = kt_trial.TrialStatus


class TrialTuner(base_tuner.BaseTuner):
    """A KerasTuner tuner whose trials are Darkroom's training.

    Run with KerasTuner's variables (`KERASTUNER_TUNER_ID`, `KERASTUNER_ORACLE_IP`, `KERASTUNER_ORACLE_PORT`) in the
    environment, it is KerasTuner's chief or one of its workers; otherwise it runs all trials on this machine, as many
    at a time as `tuning.parallel` says.
    """

    def __init__(self, oracle: keras_tuner.Oracle, search: Search) -> None:
        """Takes the oracle and what is searched."""
        self._search = search
        self._runner = TrialRunner(search.section.parallel, search.options.training.distribution)
        self._turn = threading.Lock()
        self._ended = threading.Event()
        self._epochs_before: dict[str, int] = {}
        directory, name = os.path.split(os.path.join(search.folder, "search"))
        super().__init__(oracle=oracle, directory=directory, project_name=name)

    def run_trial(self, trial: kt_trial.Trial, *_: Any, **__: Any) -> dict[str, float]:
        """Trains with a trial's values.

        Returns:
            The objective's best value.

        Raises:
            DarkroomError: these values cannot be trained with.
        """
        return self._run(trial, place=0)

    def on_trial_begin(self, trial: kt_trial.Trial) -> None:
        """The first trial of a search that draws its values is the configuration itself, to compare with."""
        drawn = self._search.section.algorithm in ("random", "bayesian")
        configured = self._search.configured()
        if drawn and int(trial.trial_id) == 0 and configured is not None:
            trial.hyperparameters.values = configured

    def pre_create_trial(self) -> None:
        """KerasTuner's own loop asks again at once while the oracle has nothing to give."""
        self._ended.wait(_IDLE_SECONDS)

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Runs all trials, and writes the report.

        Raises:
            DarkroomError: no trial succeeded.
        """
        if _ORACLE in os.environ:
            if _CHIEF in self.tuner_id:
                self._search.write()
                reporter().step(f"KerasTuner's chief waits for workers: darkroom tune --join {self._search.folder}")
            super().search(*fit_args, **fit_kwargs)
            if _CHIEF not in self.tuner_id:
                return
        else:
            self._search_here()
        self._finish()

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[keras_tuner.HyperParameters]:
        """The best values, and where the report is."""
        found = []
        for best in super().get_best_hyperparameters(num_trials):
            copied = best.copy()
            copied.values[REPORT_KEY] = self._search.folder
            found.append(copied)
        return found

    def _search_here(self) -> None:
        # Without this file KerasTuner does not see that there is a search to go on with.
        self.save()
        parallel = self._search.section.parallel
        if parallel == 1:
            self._take_turns(0)
            return
        with ThreadPoolExecutor(parallel, thread_name_prefix="trials") as pool:
            places = [pool.submit(contextvars.copy_context().run, self._take_turns, place) for place in range(parallel)]
            try:
                wait(places, return_when=FIRST_EXCEPTION)
            finally:
                # Ends those that still run when one raised, or somebody pressed Ctrl-C.
                self._ended.set()
                if not all(place.done() for place in places):
                    self._runner.end_all()
        for place in places:
            place.result()

    def _take_turns(self, place: int) -> None:
        """Runs one trial after the other until there are no more."""
        while not self._ended.is_set():
            with self._turn:
                trial = self.oracle.create_trial(f"place-{place}")
            if trial.status == _Status.STOPPED:
                return
            if trial.status == _Status.IDLE:
                self._ended.wait(_IDLE_SECONDS)
                continue
            self.on_trial_begin(trial)
            try:
                score = self._run(trial, place)
            except Exception as error:  # noqa: BLE001 - whatever some values lead to is told, and others are tried
                if self._ended.is_set():
                    return
                trial.status, trial.message = _Status.FAILED, f"{error}" or type(error).__name__
                if not isinstance(error, DarkroomError):
                    _log.exception("Trial %s failed", trial.trial_id)
                    trial.message = f"{type(error).__name__}: {error}"
            else:
                trial.status = _Status.COMPLETED
            with self._turn:
                if trial.status == _Status.COMPLETED:
                    self.oracle.update_trial(trial.trial_id, score)
                self.on_trial_end(trial)
            reporter().step(self._line(self._report_of(trial)))
            self._stop_if_hopeless()

    def _run(self, trial: kt_trial.Trial, place: int) -> dict[str, float]:
        search, own = self._search, trial.hyperparameters.values
        options = trial_options(search.options, plain_values(own), search.section.objective)
        before = own.get("tuner/trial_id")
        job = TrialJob(
            name=f"trial {int(trial.trial_id) + 1}",
            options=options,
            inputs=search.inputs,
            folder=self._folder_of(trial.trial_id),
            epochs=own.get("tuner/epochs", search.section.epochs),
            goes_on_from=self._folder_of(before) if before else None,
        )
        self._runner.run("pipeline.tuning.trial.run_trial", job.model_dump(mode="json"), place)
        result = read_result(job.folder)
        return {search.section.objective: result.best(search.section.objective, rising=search.rising)}

    def _folder_of(self, trial_id: str) -> str:
        return os.path.join(self.get_trial_dir(trial_id), _RUN_FOLDER)

    def _report_of(self, trial: kt_trial.Trial) -> TrialReport:
        values = plain_values(trial.hyperparameters.values)
        common = {
            "trial": trial.trial_id,
            "values": values,
            "as_configured": trial.hyperparameters.values == self._search.configured(),
        }
        if trial.status != _Status.COMPLETED:
            return TrialReport(**common, error=trial.message or "it was not finished")
        result = read_result(self._folder_of(trial.trial_id))
        score = result.best(self._search.section.objective, rising=self._search.rising)
        return TrialReport(
            **common, score=score, epochs=result.epochs, seconds=round(result.seconds, 2), findings=result.findings
        )

    def _line(self, report: TrialReport) -> str:
        values = "  ".join(f"{key.rpartition('.')[2]} {_shown(value)}" for key, value in report.values.items())
        number = int(report.trial) + 1
        if report.score is None:
            return f"trial {number} failed  {values}  {report.error}"
        what = f"{self._search.section.objective} {report.score:.4f}"
        return f"trial {number}  {values}  {what}  {report.epochs} epochs  {report.seconds:.1f} s"

    def _stop_if_hopeless(self) -> None:
        trials = [self.oracle.trials[trial_id] for trial_id in self.oracle.end_order]
        if len(trials) >= _HOPELESS and all(trial.status == _Status.FAILED for trial in trials):
            raise DarkroomError(_all_failed(trials))

    def _finish(self) -> None:
        trials = list(self.oracle.trials.values())
        if not any(trial.status == _Status.COMPLETED for trial in trials):
            raise DarkroomError(_all_failed(trials))
        # TFX asks for so many of the best, and some oracles have no limit.
        self.oracle.max_trials = len(trials)
        search = self._search
        reports = ranked([self._report_of(trial) for trial in trials], rising=search.rising)
        report = TuningReport(
            algorithm=search.section.algorithm,
            objective=search.section.objective,
            rising=search.rising,
            best=reports[0].values,
            trials=reports,
        )
        logarithmic = frozenset(key for key, one in search.section.parameters.items() if one.scale == "log")
        picture = write_picture(report, logarithmic, search.folder)
        report.model_copy(update={"pictures": (picture,)}).write(search.folder)
        for trial in trials:
            forget_state(self._folder_of(trial.trial_id))
        # What is finished is not gone on with: the next search in this folder is a new one.
        tf.io.gfile.remove(self._get_tuner_fname())


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _all_failed(trials: list[kt_trial.Trial]) -> str:
    reasons = dict.fromkeys(trial.message or "it was not finished" for trial in trials)
    return f"All {len(trials)} trials failed: " + " | ".join(reasons)
