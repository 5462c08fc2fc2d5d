"""Hyperparameters' values in the configuration and in KerasTuner."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from darkroom.configuration.tuning_section import RangeSection

# KerasTuner's choices are numbers, texts or truth values, all of one type. Others, lists and null among them, travel as
# JSON behind this mark.
_JSON = "json:"

# What KerasTuner adds for its own use has names like `tuner/epochs`.
_OWN = "/"

# Where the search's report is, for whoever has only its best values.
REPORT_KEY = "darkroom/report"

# Steps are added up in floating point: 0.1 three times is not 0.3.
_DIGITS = 12


def encoded(parameters: Mapping[str, RangeSection], key: str, value: Any) -> Any:
    """A value of the configuration as KerasTuner knows it; None if it lies outside of what is searched."""
    searched = parameters[key]
    if searched.values is not None:
        return encode(value, searched.values) if value in searched.values else None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or searched.min is None or searched.max is None:
        return None
    return value if searched.min <= value <= searched.max else None


def values_of(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration's values, by dotted key.

    Args:
        hyperparameters: KerasTuner's HyperParameters as `get_config` gives them and TFX hands them to the Trainer.
    """
    return plain_values(hyperparameters["values"])


def plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """KerasTuner's values as those of the configuration, without what it adds for its own use."""
    return {key: _decode(value) for key, value in values.items() if _OWN not in key}


def encode(value: Any, among: Sequence[Any]) -> Any:
    """A value out of a list in KerasTuner's form."""
    kinds = {type(other) for other in among}
    if len(kinds) == 1 and kinds <= {int, float, str, bool}:
        return value
    if kinds == {int, float}:
        return float(value)
    return _JSON + json.dumps(value)


def _decode(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_JSON):
        return json.loads(value.removeprefix(_JSON))
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    return value
