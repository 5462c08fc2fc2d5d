"""KerasTuner's oracle, which chooses the trials' values."""

from __future__ import annotations

import keras_tuner
from keras_tuner import oracles

from darkroom.configuration.tuning_section import TuningSection
from pipeline.tuning.space import search_space

# Enough for Bayesian search over the three default parameters; random search without a limit would not end.
_DEFAULT_TRIALS = 20

# KerasTuner would end the search from inside a lock that it then never releases; the Tuner looks after failures.
_NEVER = 10**9


def make_oracle(section: TuningSection, *, rising: bool, epochs: int) -> keras_tuner.Oracle:
    """The oracle of an algorithm.

    Args:
        section: which values, and how they are searched.
        rising: whether the objective shall rise.
        epochs: of a whole training, which Hyperband's last round has.
    """
    common = {
        "objective": keras_tuner.Objective(section.objective, "max" if rising else "min"),
        "hyperparameters": search_space(section.parameters),
        "allow_new_entries": False,
        # KerasTuner takes 0 for no seed.
        "seed": section.seed + 1,
        "max_consecutive_failed_trials": _NEVER,
    }
    match section.algorithm:
        case "hyperband":
            return oracles.HyperbandOracle(max_epochs=epochs, factor=section.factor, **common)
        case "grid":
            return oracles.GridSearchOracle(max_trials=section.trials, **common)
        case "bayesian":
            return oracles.BayesianOptimizationOracle(max_trials=section.trials or _DEFAULT_TRIALS, **common)
        case _:
            return oracles.RandomSearchOracle(max_trials=section.trials or _DEFAULT_TRIALS, **common)
