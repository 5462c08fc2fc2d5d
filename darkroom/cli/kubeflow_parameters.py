"""Parameters of a run in Kubeflow, as they are given on a command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.load import DEFAULT_FILE, parse_configuration


def parameter_values(config: DarkroomConfig, text: str, overrides: Sequence[str]) -> dict[str, Any]:
    """The pipeline's parameters for `KEY=VALUE` pairs: those with one of their own by it, the rest as `overrides`.

    Raises:
        ConfigurationError: a pair is none, or the value does not fit.
    """
    parse_configuration(text, config.base / DEFAULT_FILE, overrides)
    named = {key: key.replace(".", "_") for key in config.kubeflow.parameters}
    values: dict[str, Any] = {}
    rest = []
    for pair in overrides:
        key, _, value = pair.partition("=")
        if key.strip() in named:
            values[named[key.strip()]] = yaml.safe_load(value)
        else:
            rest.append(pair)
    return {**values, **({"overrides": rest} if rest else {})}
