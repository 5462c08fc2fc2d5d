"""Hyperparameters: keys of `model` and `training` that a search may change, and the sections with their values."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from darkroom.configuration.annotations import plain_types, section_in
from darkroom.configuration.model_section import ModelSection
from darkroom.configuration.training_section import TrainingSection
from darkroom.configuration.tuning_section import RangeSection
from darkroom.errors import ConfigurationError

# What does not change which weights come out, what the search itself decides, and what other files are found by.
_FIXED = frozenset(
    {
        "model.name",
        "model.weights",
        "model.weights_scaling",
        "model.module",
        "training.checkpoint",
        "training.distribution",
        "training.feeding",
        "training.keep_optimizer",
        "training.max_minutes",
        "training.recipe.version",
        "training.save_domain",
        "training.tensorboard",
    }
)

_SECTIONS: dict[str, type[BaseModel]] = {"model": ModelSection, "training": TrainingSection}


def with_values(
    model: ModelSection, training: TrainingSection, values: Mapping[str, Any]
) -> tuple[ModelSection, TrainingSection]:
    """The sections with hyperparameters, by dotted key, in place of their own values.

    Raises:
        ConfigurationError: a key is none that a search may change, or the values do not fit together.
    """
    document: dict[str, Any] = {"model": model.model_dump(mode="json"), "training": training.model_dump(mode="json")}
    for key, value in values.items():
        field_type(key)
        *path, name = key.split(".")
        target = document
        for part in path:
            if target.get(part) is None:
                target[part] = {}
            target = target[part]
        target[name] = value
    try:
        return ModelSection.model_validate(document["model"]), TrainingSection.model_validate(document["training"])
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        given = ", ".join(f"{key}={value}" for key, value in values.items())
        raise ConfigurationError(
            f"{given}: {where + ': ' if where else ''}{problem['msg'].removeprefix('Value error, ')}"
        ) from error


def value_of(model: ModelSection, training: TrainingSection, key: str) -> Any:
    """The value that a key has now, as it would stand in the file."""
    document: Any = {"model": model.model_dump(mode="json"), "training": training.model_dump(mode="json")}
    for part in key.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document


def field_type(key: str) -> Any:
    """The annotation of a hyperparameter's field.

    Raises:
        ConfigurationError: there is no such key, it is a section, or no search may change it.
    """
    keys = dict(_keys())
    if key in keys:
        return keys[key]
    if any(key == fixed or key.startswith(f"{fixed}.") for fixed in _FIXED):
        raise ConfigurationError(f"{key} does not belong to what a search may change")
    if any(known.startswith(f"{key}.") for known in keys):
        raise ConfigurationError(f"{key} is a section; name one of its keys")
    near = difflib.get_close_matches(key, keys, n=1, cutoff=0.75)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ConfigurationError(f"{key} is no key of model or training{hint}")


def check_range(model: ModelSection, training: TrainingSection, key: str, searched: RangeSection) -> None:
    """Tries the values at the ends of an interval, or all of a list, each without others but those of its condition.

    Raises:
        ConfigurationError: the key cannot be searched, or does not take such values.
    """
    field_type(key)
    if key == "model.architecture" and model.weights is not None:
        raise ConfigurationError(f"{key} cannot be searched while model.weights are those of one architecture")
    if searched.values is None:
        if not takes_numbers(key):
            raise ConfigurationError(f"{key} is no number; list its values")
        limits = [limit for limit in (searched.min, searched.max, searched.step) if limit is not None]
        if takes_integers_only(key) and any(limit != int(limit) for limit in limits):
            raise ConfigurationError(f"{key} takes whole numbers only, found {', '.join(map(str, limits))}")
    where = {parent: values[0] for parent, values in searched.when.items()}
    for value in searched.values or (searched.min, searched.max):
        with_values(model, training, where | {key: value})


def takes_integers_only(key: str) -> bool:
    """Whether a key's numbers must be whole."""
    kinds = set(plain_types(field_type(key)))
    return int in kinds and float not in kinds


def takes_numbers(key: str) -> bool:
    """Whether a key's value may be a number."""
    return bool({int, float} & set(plain_types(field_type(key))))


def _keys() -> Iterator[tuple[str, Any]]:
    for name, section in _SECTIONS.items():
        yield from _keys_of(section, name)


def _keys_of(section: type[BaseModel], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, field in section.model_fields.items():
        key = f"{prefix}.{name}"
        if key in _FIXED:
            continue
        inner = section_in(field.annotation)
        if inner is None:
            yield key, field.annotation
        else:
            yield from _keys_of(inner, key)
