"""Going on from a model that exists, for continuous retraining."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel, ConfigDict

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.recipe_section import LATEST_BLESSED
from darkroom.errors import ConfigurationError
from pipeline.model_description import DESCRIPTION_FILE, NETWORK_FILE, OPTIMIZER_FILE
from pipeline.models.network import Network
from pipeline.models.target_scale import move_scale
from pipeline.models.weights import base_in, copy_weights
from pipeline.progress import reporter
from pipeline.pusher.repository import versions
from pipeline.training.state.store import StateStore

_ASSETS = "assets.extra"

# Keras's names for the optimizer's own variables.
_STEPS = "iteration"
_RATE = "learning_rate"


class StartingModel(BaseModel):
    """An exported model to go on from.

    Attributes:
        name: for people.
        folder: of its SavedModel.
        created: when it was exported; part of what identifies it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    folder: str
    created: str


def find_version(config: DarkroomConfig) -> StartingModel | None:
    """The version that `training.recipe.version` names; None for another recipe, or for the latest blessed model,
    which TFX finds.

    Raises:
        ConfigurationError: the repository does not have it.
    """
    recipe = config.training.recipe
    if recipe.name != "warm_start" or recipe.version == LATEST_BLESSED:
        return None
    folder = os.path.join(config.repository_path, config.model.name)
    found = versions(Path(folder)) if "://" not in folder else []
    if int(recipe.version) not in found:
        there = f"it has {', '.join(map(str, found))}" if found else "it has none"
        raise ConfigurationError(
            f"training.recipe.version: {config.model.name} has no version {recipe.version} in "
            f"{config.repository_path}; {there}"
        )
    return read_starting_model(os.path.join(folder, recipe.version), f"{config.model.name}/{recipe.version}")


def read_starting_model(folder: str, name: str) -> StartingModel:
    """An exported model's identity.

    Raises:
        ConfigurationError: it holds no network to go on from.
    """
    if not tf.io.gfile.exists(os.path.join(folder, _ASSETS, NETWORK_FILE)):
        raise ConfigurationError(
            f"training.recipe warm_start: {name} holds no {NETWORK_FILE}, since it was exported before Darkroom kept "
            "one. Train once with another recipe."
        )
    return StartingModel(name=name, folder=folder, created=_description(folder)["created"])


def take_weights(network: Network, model: StartingModel, labels: tuple[str, ...]) -> None:
    """Gives the network the weights of an exported one.

    The classes may have changed since: then the head, which tells them apart, begins anew.

    Raises:
        ConfigurationError: it is of another architecture or shape.
    """
    theirs = keras.models.load_model(_local(model.folder, NETWORK_FILE), compile=False)
    known = tuple(_description(model.folder)["labels"])
    if known == labels:
        copy_weights(theirs, network.model, model.name)
        move_scale(theirs, network.model)
        return
    if network.base is None:
        raise ConfigurationError(
            f"training.recipe warm_start: {model.name} was trained on the classes {', '.join(known)}, and the data has "
            f"{', '.join(labels)}. A model without a layer named 'base' cannot keep a part of its weights; train from "
            "scratch."
        )
    copy_weights(base_in(theirs), network.base, model.name)
    reporter().note(f"The classes are not those of {model.name}: its head begins anew, the rest goes on.")


def save_optimizer(model: keras.Model, folder: str) -> None:
    """Writes the optimizer's state into a SavedModel's folder, for a later warm start."""
    arrays = {key: keras.ops.convert_to_numpy(variable) for key, variable in _optimizer_variables(model).items()}
    StateStore(os.path.join(folder, _ASSETS)).save(arrays, {}, OPTIMIZER_FILE)


def steps_before(starting: StartingModel) -> int:
    """Steps that the optimizer had made when that training ended.

    Raises:
        ConfigurationError: that training kept no state.
    """
    stored = _stored_optimizer(starting)
    return int(next(array for key, array in stored.items() if key.endswith(_STEPS)))


def take_optimizer_state(model: keras.Model, starting: StartingModel) -> None:
    """Gives a compiled model's optimizer the state that it had at the end of another training.

    The learning rate stays as configured; the step count goes on, since Adam's kin need it to weigh their averages.

    Raises:
        ConfigurationError: that training kept no state, or its optimizer or network was another one.
    """
    stored = _stored_optimizer(starting)
    model.optimizer.build(model.trainable_variables)
    variables = _optimizer_variables(model)
    fits = variables.keys() == stored.keys() and all(
        tuple(variable.shape) == stored[key].shape for key, variable in variables.items()
    )
    if not fits:
        raise ConfigurationError(
            f"training.recipe.optimizer_state: that of {starting.name} is of another optimizer or network; leave it "
            "out, or train with the same ones"
        )
    for key, variable in variables.items():
        variable.assign(stored[key])


def _stored_optimizer(starting: StartingModel) -> dict[str, np.ndarray]:
    stored = StateStore(os.path.join(starting.folder, _ASSETS)).load(OPTIMIZER_FILE)
    if stored is None:
        raise ConfigurationError(
            f"training.recipe.optimizer_state: {starting.name} was exported without its optimizer's state; set "
            "training.keep_optimizer for the training before"
        )
    return stored[0]


def _optimizer_variables(model: keras.Model) -> dict[str, Any]:
    """All but the learning rate, which is configured anew, and which is no variable under a schedule."""
    kept = [variable for variable in model.optimizer.variables if variable.name != _RATE]
    return {f"{place:05}-{variable.name}": variable for place, variable in enumerate(kept)}


def _description(folder: str) -> dict[str, Any]:
    with tf.io.gfile.GFile(os.path.join(folder, _ASSETS, DESCRIPTION_FILE)) as file:
        found: dict[str, Any] = json.load(file)
    return found


def _local(folder: str, name: str) -> str:
    return os.path.join(folder, _ASSETS, name)
