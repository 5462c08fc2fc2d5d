"""The `kubernetes` section of `darkroom.yaml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from darkroom.configuration.pod_section import PodSection
from darkroom.configuration.section import Section

_NAME = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"

# The steps beside the pipeline's own: before the first, and after the last whatever happened.
PREPARE, FINISH = "Prepare", "Finish"
TRAINER = "Trainer"
STEPS = (
    PREPARE,
    "ImageExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "PreviousData",
    "DataValidator",
    "Transform",
    "Baseline",
    "Tuner",
    TRAINER,
    "Evaluator",
    "LiteExport",
    "ServingCheck",
    "ModelPusher",
    FINISH,
)


class StepSection(PodSection):
    """What a step of the pipeline takes of the cluster."""

    retries: Annotated[int, Field(ge=0, le=20)] = Field(default=2, description="How often it is tried again.")
    retry_seconds: Annotated[int, Field(ge=0, le=3600)] = Field(
        default=30, description="The pause before it is tried again; it doubles each time, up to an hour."
    )
    timeout_minutes: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="It is ended when one try takes longer; null waits."
    )


class VolumeSection(Section):
    """A claimed volume in every step."""

    claim: Annotated[str, Field(pattern=_NAME)] = Field(
        description="The PersistentVolumeClaim; steps on several nodes need ReadWriteMany."
    )
    path: Annotated[str, Field(pattern=r"^/")] = Field(description="Where steps see it.")


class SecretVariableSection(Section):
    """An environment variable in every step whose value is in a Secret."""

    variable: Annotated[str, Field(pattern=_VARIABLE)] = Field(description="The environment variable.")
    secret: Annotated[str, Field(pattern=_NAME)] = Field(description="The Secret's name.")
    key: str = Field(description="The key in it.")


def _volumes() -> tuple[VolumeSection, ...]:
    return (VolumeSection(claim="darkroom", path="/darkroom"),)


def _secrets() -> tuple[SecretVariableSection, ...]:
    return (SecretVariableSection(variable="DARKROOM_METADATA_PASSWORD", secret="darkroom-metadata", key="password"),)


class KubernetesSection(Section):
    """Where steps of the pipeline run in a cluster: with Kubeflow, and as a CronJob without."""

    image: Annotated[str, Field(min_length=1)] = Field(
        default="ghcr.io/your-organisation/darkroom-pipeline:0.1.0",
        description="The image of target `pipeline` in the Dockerfile.",
    )
    folder: Annotated[str, Field(pattern=r"^/")] = Field(
        default="/darkroom",
        description="Where relative paths of this configuration start from in the cluster: a mounted volume with what "
        "lies beside `darkroom.yaml` here.",
    )
    volumes: tuple[VolumeSection, ...] = Field(default_factory=_volumes, description="Volumes in every step.")
    secrets: tuple[SecretVariableSection, ...] = Field(
        default_factory=_secrets, description="Environment variables in every step, from Secrets."
    )
    environment: dict[Annotated[str, Field(pattern=_VARIABLE)], str] = Field(
        default_factory=dict, description="Further environment variables in every step; nothing secret."
    )
    pull_secrets: tuple[Annotated[str, Field(pattern=_NAME)], ...] = Field(
        default=(), description="Secrets that open the image's registry."
    )
    priority_class: Annotated[str, Field(pattern=_NAME)] | None = Field(
        default=None,
        description="PriorityClass of a CronJob's pods and of a training job's, such as `darkroom-training` of "
        "`k8s/base`, which has to be in the cluster; Kubeflow's own steps have none.",
    )
    default: StepSection = Field(default_factory=StepSection, description="What a step takes that is not named below.")
    steps: dict[str, StepSection] = Field(
        default_factory=dict,
        description=f"What these take instead, each key by itself: {', '.join(STEPS)}.",
    )

    @field_validator("steps")
    @classmethod
    def _are_steps(cls, steps: dict[str, StepSection]) -> dict[str, StepSection]:
        if unknown := sorted(set(steps) - set(STEPS)):
            raise ValueError(f"no step is called {', '.join(unknown)}; there are {', '.join(STEPS)}")
        return steps

    def of_step(self, name: str) -> StepSection:
        """What a step takes: its own keys before the default ones."""
        own = self.steps.get(name)
        if own is None:
            return self.default
        return self.default.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})
