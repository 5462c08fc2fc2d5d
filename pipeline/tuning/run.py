"""The Tuner's entry point: TFX calls `tuner_fn` with the paths of its inputs."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from keras_tuner.engine import base_tuner
from tfx.components.tuner.component import TunerFnResult

from darkroom.configuration.tuning_section import SWEEP, TuningSection
from darkroom.errors import ConfigurationError
from pipeline.training.metrics.registry import greater_is_better
from pipeline.training.options import OPTIONS_KEY, TrainerOptions
from pipeline.tuning.options import TUNING_KEY, TUNING_ROOT_KEY
from pipeline.tuning.oracle import make_oracle
from pipeline.tuning.search import Search
from pipeline.tuning.sweep_tuner import SweepTuner
from pipeline.tuning.tuner import TrialTuner

_NAME_LENGTH = 16

_VARIABLES = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")


def tuner_fn(fn_args: Any) -> TunerFnResult:
    """The tuner of a configuration.

    Args:
        fn_args: TFX's FnArgs: `train_files`, `eval_files`, `transform_graph_path`, `base_model` (the latest blessed
            model, for a warm start), `custom_config` with options and section as JSON.

    Raises:
        ConfigurationError: Hyperband cannot know how many epochs a training has.
    """
    return TunerFnResult(make_tuner(search_of(fn_args)), {})


def search_of(fn_args: Any) -> Search:
    """What TFX's FnArgs ask to search."""
    custom = fn_args.custom_config
    section = TuningSection.model_validate_json(custom[TUNING_KEY])
    options = TrainerOptions.model_validate_json(custom[OPTIONS_KEY]).going_on_from(fn_args.base_model)
    inputs = {
        "train_files": list(fn_args.train_files),
        "eval_files": list(fn_args.eval_files),
        "transform_output": fn_args.transform_graph_path,
    }
    rising = greater_is_better(section.objective, options.training.metric_options)
    searched = [options.model_dump(mode="json"), section.model_dump(mode="json", exclude={"parallel"}), inputs]
    name = hashlib.sha256(json.dumps(searched, sort_keys=True).encode()).hexdigest()[:_NAME_LENGTH]
    folder = os.path.join(custom[TUNING_ROOT_KEY], name)
    return Search(section=section, options=options, inputs=inputs, rising=rising, folder=folder)


def join(folder: str) -> None:
    """Takes trials from KerasTuner's chief until there are no more.

    Args:
        folder: of the search, which the chief says; on storage that all of them reach.

    Raises:
        ConfigurationError: there is no search in the folder, or KerasTuner's variables do not make this process a
            worker.
    """
    missing = [name for name in _VARIABLES if not os.environ.get(name)]
    if missing or "chief" in os.environ[_VARIABLES[0]]:
        raise ConfigurationError(
            f"A worker needs {', '.join(_VARIABLES)} in its environment, the first of them a name of its own without "
            "'chief' in it" + (f"; {', '.join(missing)} is missing" if missing else "")
        )
    make_tuner(Search.read(folder)).search()


def make_tuner(search: Search) -> base_tuner.BaseTuner:
    """The tuner of a search; one that was interrupted goes on."""
    if search.section.algorithm == SWEEP:
        return SweepTuner(search)
    oracle = make_oracle(search.section, rising=search.rising, epochs=_epochs(search))
    return TrialTuner(oracle, search)


def _epochs(search: Search) -> int:
    """Epochs of a whole training.

    Raises:
        ConfigurationError: Hyperband needs them, and the recipe does not say.
    """
    section, recipe = search.options.training, search.options.training.recipe
    if search.section.epochs is not None:
        return search.section.epochs
    if search.section.algorithm == "hyperband" and (section.steps is not None or recipe.name == "progressive"):
        raise ConfigurationError(
            "tuning.algorithm hyperband needs tuning.epochs: this training is not counted in epochs"
        )
    if recipe.name == "fine_tune":
        return recipe.head_epochs + recipe.all_epochs
    return section.epochs + (recipe.init_epochs if recipe.name == "domain_init" else 0)
