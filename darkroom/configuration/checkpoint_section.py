"""`training.checkpoint:` how a training survives being killed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.configuration.section import Section


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
