"""A network's variables as arrays: weights, random states, optimizer, running metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
import numpy as np


def read_variables(model: keras.Model) -> dict[str, np.ndarray]:
    """Everything that a compiled model would have to have again to go on as if nothing had happened."""
    return {key: keras.ops.convert_to_numpy(variable) for key, variable in _variables(model).items()}


def write_variables(
    model: keras.Model, arrays: Mapping[str, np.ndarray], only: Callable[[str], bool] = lambda key: True
) -> None:
    """Puts back what `read_variables` gave.

    Args:
        model: compiled the same way.
        arrays: by key.
        only: which keys to write.

    Raises:
        ValueError: the arrays are those of another network or optimizer.
    """
    variables = _variables(model)
    if variables.keys() != arrays.keys():
        odd = sorted(variables.keys() ^ arrays.keys())[:3]
        raise ValueError(f"The stored state has other variables than the network, such as {', '.join(odd)}")
    for key, variable in variables.items():
        if tuple(variable.shape) != arrays[key].shape:
            raise ValueError(
                f"The stored state has {key} in the shape {arrays[key].shape}, the network has {tuple(variable.shape)}"
            )
        if only(key):
            variable.assign(arrays[key])


def read_weights(model: keras.Model) -> dict[str, np.ndarray]:
    """Weights and random states alone, which stay the same variables when the model is compiled anew."""
    return {f"{place:05}": keras.ops.convert_to_numpy(variable) for place, variable in enumerate(model.variables)}


def write_weights(model: keras.Model, arrays: Mapping[str, np.ndarray]) -> None:
    """Puts back what `read_weights` gave."""
    for place, variable in enumerate(model.variables):
        variable.assign(arrays[f"{place:05}"])


def is_metric(key: str) -> bool:
    """Whether a key of `read_variables` is a running metric's, which Keras resets when an epoch begins."""
    return key.startswith("metric")


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    """By a key that tells kind, place and name; a variable that two of the lists hold is there once."""
    kinds = (
        ("metric", model.metrics_variables),
        ("optimizer", model.optimizer.variables),
        ("model", model.variables),
    )
    found: dict[str, keras.Variable] = {}
    seen: set[int] = set()
    for kind, variables in kinds:
        for place, variable in enumerate(variables):
            if id(variable) not in seen:
                seen.add(id(variable))
                found[f"{kind}-{place:05}-{variable.name}"] = variable
    return found
