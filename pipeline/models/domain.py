"""Domain weights: a trained base, kept for the next task on images of the same kind."""

from __future__ import annotations

from pathlib import Path

import keras
from pydantic import BaseModel, ConfigDict, ValidationError

from darkroom.errors import ConfigurationError
from preprocessing.spec import Scaling

BASE_FILE = "base.keras"
_FACTS_FILE = "domain.json"


class Domain(BaseModel):
    """What must be known to use a base again.

    Attributes:
        architecture: as `model.architecture` had it.
        scaling: the pixel scaling it was trained with.
        preprocessing_version: of the run that trained it.
        labels: the classes it was trained to tell apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str
    scaling: Scaling
    preprocessing_version: str
    labels: tuple[str, ...]


def save_domain(base: keras.Model, domain: Domain, folder: Path) -> None:
    """Writes a trained base with its facts, for `model.weights: domain:<folder>`."""
    folder.mkdir(parents=True, exist_ok=True)
    # The inputs and outputs alone: without an optimizer's state.
    keras.Model(base.input, base.output, name=base.name).save(folder / BASE_FILE)
    (folder / _FACTS_FILE).write_text(domain.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_domain(folder: Path) -> Domain:
    """The facts of domain weights.

    Raises:
        ConfigurationError: there are none in this folder, or they are damaged.
    """
    path = folder / _FACTS_FILE
    if not path.is_file() or not (folder / BASE_FILE).is_file():
        raise ConfigurationError(
            f"model.weights: {folder} holds no domain weights ({_FACTS_FILE} and {BASE_FILE}), as a training with "
            "domain weights switched on leaves them"
        )
    try:
        return Domain.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise ConfigurationError(f"model.weights: {path} is damaged: {error}") from error
