"""What a run of the compiled pipeline can be started with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.annotations import is_section, section_in
from darkroom.errors import ConfigurationError

# The whole of darkroom.yaml; further KEY=VALUE pairs; why the run was started.
CONFIGURATION, OVERRIDES, TRIGGER = "configuration", "overrides", "trigger"

# KFP's types, by Python's. A bool is an int, so it comes first.
_TYPES = ((bool, "Boolean"), (int, "Integer"), (float, "Float"), (str, "String"))


@dataclass(frozen=True, slots=True)
class RunParameter:
    """A parameter of the pipeline.

    Attributes:
        name: in Kubeflow.
        key: of `darkroom.yaml`; None for those that are no key.
        type: in KFP's words.
        default: its value when a run is not given another.
    """

    name: str
    key: str | None
    type: str
    default: Any


def run_parameters(config: DarkroomConfig, text: str, trigger: str) -> tuple[RunParameter, ...]:
    """The parameters of a configuration's pipeline.

    Args:
        config: that names the keys.
        text: the configuration's own, which travels with the pipeline.
        trigger: the default for why a run was started.

    Raises:
        ConfigurationError: `kubeflow.parameters` names no key, or a section.
    """
    values = config.model_dump(mode="json")
    keyed = [_keyed(values, key) for key in config.kubeflow.parameters]
    return (
        *keyed,
        RunParameter(OVERRIDES, None, "List", []),
        RunParameter(TRIGGER, None, "String", trigger),
        RunParameter(CONFIGURATION, None, "String", text),
    )


def _keyed(values: dict[str, Any], key: str) -> RunParameter:
    value: Any = values
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            raise ConfigurationError(f"kubeflow.parameters: {key} is no key of this configuration")
        value = value[part]
    if _is_section(key):
        raise ConfigurationError(f"kubeflow.parameters: {key} is a section; name a key in it")
    for kind, name in _TYPES:
        if isinstance(value, kind):
            return RunParameter(key.replace(".", "_"), key, name, value)
    # None, lists, and what else may stand for one value: as YAML, which is how a step reads it.
    text = "" if value is None else yaml.safe_dump(value, default_flow_style=True).strip()
    return RunParameter(key.replace(".", "_"), key, "String", text)


def _is_section(key: str) -> bool:
    annotation: Any = DarkroomConfig
    for part in key.split("."):
        section = section_in(annotation)
        if section is None:
            return False
        annotation = section.model_fields[part].annotation
    return is_section(annotation)
