"""`training.tensorboard:` logs for TensorBoard."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.configuration.section import Section


class TensorBoardSection(Section):
    """Logs in the Trainer's `model_run` folder: `tensorboard --logdir` shows them."""

    enabled: bool = Field(default=False, description="Write them.")
    pictures_every: Annotated[int, Field(ge=1)] | None = Field(
        default=5,
        description="Epochs between two pictures of the confusion matrix and of sample predictions, each of which "
        "costs one more pass over the eval split; null draws none.",
    )
