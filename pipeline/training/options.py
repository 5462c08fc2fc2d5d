"""What the Trainer needs to know, as one value that travels through TFX as JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.sections import ModelSection, TrainingSection
from preprocessing.spec import PreprocessingSpec

OPTIONS_KEY = "trainer_options"


class TrainerOptions(BaseModel):
    """The sections that decide what the weights become."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preprocessing: PreprocessingSpec
    model: ModelSection
    training: TrainingSection
    darkroom_version: str

    @classmethod
    def from_configuration(cls, config: DarkroomConfig, darkroom_version: str) -> TrainerOptions:
        """The part of a configuration that training depends on."""
        return cls(
            preprocessing=config.preprocessing,
            model=config.model,
            training=config.training,
            darkroom_version=darkroom_version,
        )
