"""What is searched, as one value that any process can read."""

from __future__ import annotations

import os
from typing import Any, Self

import tensorflow as tf
from pydantic import BaseModel, ConfigDict

from darkroom.configuration.hyperparameters import value_of
from darkroom.configuration.tuning_section import TuningSection
from darkroom.errors import ConfigurationError
from pipeline.training.options import TrainerOptions
from pipeline.tuning.values import encoded

_SEARCH_FILE = "search.json"


class Search(BaseModel):
    """What is searched.

    Attributes:
        section: which values, and how.
        options: of the training that uses the best.
        inputs: TFX's `train_files`, `eval_files` and `transform_output`.
        rising: whether the objective shall rise.
        folder: for the search's state and its report; a search that was interrupted goes on there.
    """

    model_config = ConfigDict(frozen=True)

    section: TuningSection
    options: TrainerOptions
    inputs: dict[str, Any]
    rising: bool
    folder: str

    def configured(self) -> dict[str, Any] | None:
        """The configuration's own values in KerasTuner's form; None if one lies outside of what is searched."""
        found = {}
        for key, searched in self.section.parameters.items():
            if all(self._configured(parent) in values for parent, values in searched.when.items()):
                known = encoded(self.section.parameters, key, self._configured(key))
                if known is None:
                    return None
                found[key] = known
        return found

    def write(self) -> None:
        """Writes `search.json` into the folder, for workers on other machines."""
        tf.io.gfile.makedirs(self.folder)
        with tf.io.gfile.GFile(os.path.join(self.folder, _SEARCH_FILE), "w") as file:
            file.write(self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, folder: str) -> Self:
        """Reads `search.json`.

        Raises:
            ConfigurationError: there is none.
        """
        path = os.path.join(folder, _SEARCH_FILE)
        try:
            with tf.io.gfile.GFile(path) as file:
                return cls.model_validate_json(file.read())
        except tf.errors.NotFoundError as error:
            raise ConfigurationError(
                f"There is no search in {folder}: {path} is missing. Start the chief first; it says its folder."
            ) from error

    def _configured(self, key: str) -> Any:
        return value_of(self.options.model, self.options.training, key)
