"""What the evaluation needs to know, as one value that travels through TFX as JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.evaluation_section import EvaluationSection
from darkroom.configuration.metrics_section import MetricOptionsSection
from darkroom.task import Task


class EvaluationOptions(BaseModel):
    """The task, the rules, and what some measures need."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task
    section: EvaluationSection
    metric_options: MetricOptionsSection

    @classmethod
    def from_configuration(cls, config: DarkroomConfig) -> EvaluationOptions:
        """The part of a configuration that the evaluation depends on."""
        return cls(task=config.data.task, section=config.evaluation, metric_options=config.training.metric_options)
