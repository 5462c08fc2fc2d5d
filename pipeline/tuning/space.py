"""The configuration's ranges as KerasTuner's hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras_tuner

from darkroom.configuration.hyperparameters import takes_integers_only
from darkroom.configuration.tuning_section import RangeSection
from pipeline.tuning.values import encode


def search_space(parameters: Mapping[str, RangeSection]) -> keras_tuner.HyperParameters:
    """KerasTuner's form of `tuning.parameters`, under the same names."""
    space = keras_tuner.HyperParameters()
    for key, searched in parameters.items():
        condition: dict[str, Any] = {}
        for parent, values in searched.when.items():
            known = parameters[parent].values or ()
            condition = {"parent_name": parent, "parent_values": [encode(value, known) for value in values]}
        if searched.values is not None:
            space.Choice(key, [encode(value, searched.values) for value in searched.values], **condition)
        else:
            add = space.Int if takes_integers_only(key) else space.Float
            add(key, searched.min, searched.max, step=searched.step, sampling=searched.scale, **condition)
    return space
