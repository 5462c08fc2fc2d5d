"""What the Trainer needs to know, as one value that travels through TFX as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.hyperparameters import with_values
from darkroom.configuration.model_section import ModelSection
from darkroom.configuration.training_section import TrainingSection
from pipeline.models.own_code import OwnCode, find_own_code
from pipeline.models.weights_source import WeightsSource, find_weights
from pipeline.progress import reporter
from pipeline.training.warm_start import StartingModel, find_version, read_starting_model
from preprocessing.spec import PreprocessingSpec

OPTIONS_KEY = "trainer_options"

# In which form the network is served: `export` of the configuration.
EXPORT_KEY = "export"

# The folder of the states of interrupted trainings.
STATE_ROOT_KEY = "state_root"


class TrainerOptions(BaseModel):
    """All that decides what the weights become; TFX trains anew exactly when it changes.

    Attributes:
        preprocessing: with the scaling that the weights want.
        model, training: the sections of the configuration.
        weights: what the base starts from, found; None when it is drawn at random.
        own_code: the user's module, found; None when there is none.
        starting: the version that a warm start goes on from; None for other recipes and the latest blessed model.
        tuned: hyperparameters, by dotted key, that a search put in place of the configuration's.
        domain_folder: where the trained base is kept for the next task; None keeps none.
        darkroom_version: of the code.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preprocessing: PreprocessingSpec
    model: ModelSection
    training: TrainingSection
    weights: WeightsSource | None = None
    own_code: OwnCode | None = None
    starting: StartingModel | None = None
    tuned: dict[str, Any] = {}
    domain_folder: str | None = None
    darkroom_version: str

    @property
    def starts_elsewhere(self) -> bool:
        """Whether weights come from another training."""
        return self.weights is not None or self.starting is not None

    def with_values(self, values: Mapping[str, Any]) -> TrainerOptions:
        """The same with hyperparameters, by dotted key, in place of its own values.

        Raises:
            ConfigurationError: the values do not fit together.
        """
        model, training = with_values(self.model, self.training, values)
        return self.model_copy(update={"model": model, "training": training, "tuned": dict(values)})

    def going_on_from(self, latest_blessed: str | None) -> TrainerOptions:
        """The same with the model that a warm start goes on from; as it is for other recipes, and for the first run.

        Args:
            latest_blessed: the SavedModel of the latest blessed model, if there is one.
        """
        if self.training.recipe.name != "warm_start" or self.starting is not None:
            return self
        if latest_blessed is None:
            reporter().note("Warm start: there is no blessed model yet, so this training begins from scratch.")
            return self
        return self.model_copy(update={"starting": read_starting_model(latest_blessed, "the latest blessed model")})

    @classmethod
    def from_configuration(cls, config: DarkroomConfig, darkroom_version: str) -> TrainerOptions:
        """The part of a configuration that training depends on.

        Raises:
            ConfigurationError: the weights or the user's module cannot be used.
        """
        return cls(
            preprocessing=config.preprocessing,
            model=config.model,
            training=config.training,
            weights=find_weights(config),
            own_code=find_own_code(config),
            starting=find_version(config),
            domain_folder=config.resolve(domain) if (domain := config.training.save_domain) else None,
            darkroom_version=darkroom_version,
        )
