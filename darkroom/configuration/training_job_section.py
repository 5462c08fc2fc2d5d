"""`kubeflow.training_job:` training in several pods."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from darkroom.configuration.pod_section import PodSection
from darkroom.configuration.section import Section


class TrainingJobSection(Section):
    """A job of Kubeflow's training operator, which the Trainer step starts, follows and takes away again."""

    kind: Literal["TFJob", "TrainJob"] = Field(
        default="TFJob",
        description="`TFJob` (kubeflow.org/v1) of the training operator, or `TrainJob` (trainer.kubeflow.org/v1alpha1) "
        "of Kubeflow Trainer 2, which comes after it.",
    )
    # The operator sets no TF_CONFIG for a job of one.
    workers: Annotated[int, Field(ge=2, le=64)] = Field(description="Pods that train together; the first is the chief.")
    worker: PodSection = Field(
        default_factory=PodSection,
        description="What each of them takes; `kubernetes.steps.Trainer` is the step that waits for them.",
    )
    port: Annotated[int, Field(ge=1024, le=65535)] = Field(
        default=2222, description="On which each worker listens for the others."
    )
    restarts: Annotated[int, Field(ge=0, le=100)] = Field(
        default=10,
        description="How often all workers are started again because one was preempted, evicted or killed; training "
        "goes on from its last saved state. An error of the training itself is not tried again here.",
    )
    pending_minutes: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="The step fails when workers wait longer than this for nodes, at each start; null waits, as far as "
        "`kubernetes.steps.Trainer.timeout_minutes` lets it.",
    )
