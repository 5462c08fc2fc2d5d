"""`training.objective:` when a training is good enough, and when it is lost."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.configuration.metrics_section import WATCHED_ACCURACY, WatchedName
from darkroom.configuration.section import Section


class ObjectiveSection(Section):
    """Ends the whole training, with all phases that would follow."""

    metric: WatchedName = Field(
        default=WATCHED_ACCURACY,
        description="What `reach` is about; in a regression `val_loss` where nothing else is given.",
    )
    reach: float | None = Field(
        default=None,
        description="Training ends after the epoch in which the metric is as good as this, with that epoch's weights.",
    )
    diverge: Annotated[float, Field(gt=1)] | None = Field(
        default=None,
        description="Training ends when the training loss is above so many times that of the phase's first epoch, with "
        "the best epoch's weights. A loss that is no number always ends it, as an error.",
    )
