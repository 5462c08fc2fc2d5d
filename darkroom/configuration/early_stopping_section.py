"""`training.early_stopping:` when a training that no longer gets better ends."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.configuration.metrics_section import WatchedName
from darkroom.configuration.section import Section


class EarlyStoppingSection(Section):
    """Ends training when a metric no longer gets better; the best epoch's weights are kept."""

    metric: WatchedName = Field(
        default="val_loss",
        description="What is watched: `val_` and a metric's name for the eval split, the name alone for the training "
        "split.",
    )
    patience: Annotated[int, Field(ge=1)] = Field(
        default=5, description="Epochs without a better value before training ends."
    )
    min_delta: Annotated[float, Field(ge=0)] = Field(
        default=0.001, description="The smallest change for the better that counts as one."
    )
