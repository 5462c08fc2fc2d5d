"""`training.checkpoint:` how a training survives being killed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.configuration.section import Section


class KeepSection(Section):
    """Networks kept as `.keras` files in the Trainer's `model_run` folder, under `checkpoints`."""

    every_epochs: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="After every so many epochs, counted over all phases: `epoch-0010.keras`."
    )
    best: bool = Field(default=False, description="The best epoch so far: `best.keras`.")


class CheckpointSection(Section):
    """The state that an interrupted training goes on from: network, optimizer, position in the data and the rest."""

    every_steps: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="Steps after which the state is saved, besides after each epoch; null: `every_minutes`.",
    )
    every_minutes: Annotated[float, Field(gt=0)] = Field(
        default=5.0, description="Time after which the state is saved within an epoch, where `every_steps` is null."
    )
    resume: bool = Field(
        default=True, description="Go on from a saved state of the same data and settings; false begins anew."
    )
    keep: KeepSection = Field(default_factory=KeepSection, description="Networks kept for people.")
