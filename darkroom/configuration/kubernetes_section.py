"""The `kubernetes` section of `darkroom.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from darkroom.configuration.section import Section

_NAME = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"

# The steps beside the pipeline's own: before the first, and after the last whatever happened.
PREPARE, FINISH = "Prepare", "Finish"
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
    "Trainer",
    "Evaluator",
    "LiteExport",
    "ServingCheck",
    "ModelPusher",
    FINISH,
)


class TolerationSection(Section):
    """A taint of nodes that a step does not mind, as Kubernetes writes it."""

    key: str | None = Field(default=None, description="The taint's key; null with operator Exists is all taints.")
    operator: Literal["Equal", "Exists"] = Field(default="Equal", description="How `value` is compared.")
    value: str | None = Field(default=None, description="The taint's value; none with operator Exists.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="The taint's effect; null is all of them."
    )

    @model_validator(mode="after")
    def _is_one_that_kubernetes_takes(self) -> Self:
        if self.operator == "Exists" and self.value is not None:
            raise ValueError("operator Exists takes no value")
        if self.operator == "Equal" and self.key is None:
            raise ValueError("operator Equal needs a key")
        return self


class StepSection(Section):
    """What a step of the pipeline takes of the cluster."""

    cpu: Annotated[str, Field(pattern=r"^([0-9]*\.)?[0-9]+m?$")] = Field(
        default="1", description="Cores that are kept for it: `2`, `500m`."
    )
    cpu_limit: Annotated[str, Field(pattern=r"^([0-9]*\.)?[0-9]+m?$")] | None = Field(
        default=None, description="The most cores that it gets; null is no limit."
    )
    memory: Annotated[str, Field(pattern=r"^[0-9]+([EPTGMK]i?)?$")] = Field(
        default="4Gi", description="Memory that is kept for it; it is ended when it takes more."
    )
    gpus: Annotated[int, Field(ge=0)] = Field(default=0, description="GPUs that it gets.")
    gpu_resource: Annotated[str, Field(pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$")] = Field(
        default="nvidia.com/gpu", description="What the cluster's nodes call a GPU."
    )
    node_selector: dict[str, str] = Field(
        default_factory=dict, description="Labels that a node must have, with their values."
    )
    tolerations: tuple[TolerationSection, ...] = Field(
        default=(), description="Taints that do not keep the step from a node."
    )
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
