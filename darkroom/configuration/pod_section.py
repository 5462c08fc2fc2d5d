"""What a pod takes of the cluster, wherever the configuration describes one."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from darkroom.configuration.section import Section


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


class PodSection(Section):
    """What a pod takes of the cluster."""

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
        default=(), description="Taints that do not keep it from a node."
    )
