"""`training.distribution:` on which devices and machines the network is fitted."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from darkroom.configuration.section import Section


class DistributionSection(Section):
    """Where training runs: every strategy is synchronous, so all replicas hold the same weights after each step."""

    strategy: Literal["one_device", "mirrored", "multi_worker", "tpu"] = Field(
        default="one_device",
        description="`mirrored`: the GPUs of one machine; `multi_worker`: several processes, on one machine or many; "
        "`tpu`: a Cloud TPU.",
    )
    gpus: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(
        default=None, description="Numbers of the GPUs that `mirrored` trains on; all when not given."
    )
    virtual_devices: Annotated[int, Field(ge=2, le=64)] | None = Field(
        default=None,
        description="For `mirrored` without GPUs: in how many devices the CPU is split. It gains no speed; it shows "
        "that a configuration works before a GPU is paid for.",
    )
    workers: Annotated[int, Field(ge=1, le=64)] | None = Field(
        default=None,
        description="For `multi_worker`: so many processes on this machine, its cores and GPUs shared out among them. "
        "When not given, the environment's TF_CONFIG names the workers, as Kubeflow's training operator sets it.",
    )
    tpu: str | None = Field(
        default=None, description="For `tpu`: name or `grpc://` address of the TPU; `local` on a TPU VM."
    )
    learning_rate_scaling: Literal["none", "linear", "sqrt"] = Field(
        default="none",
        description="`learning_rate` is multiplied by the number of replicas, or by its square root. Right when "
        "`batch_size` was raised with the number of replicas, and only then: `batch_size` is over all of them.",
    )
    sync_batch_norm: bool = Field(
        default=False,
        description="Batch norm over the whole batch rather than over each replica's part of it: exactly what one "
        "device computes, at the price of one exchange for each such layer. For small parts, fewer than about 16.",
    )
    start_seconds: Annotated[int, Field(ge=5)] = Field(
        default=300, description="How long workers wait for one another at the start."
    )
    heartbeat_seconds: Annotated[int, Field(ge=5)] = Field(
        default=30, description="A worker that is silent for so long is taken for dead, and training ends."
    )

    @model_validator(mode="after")
    def _options_belong_to_the_strategy(self) -> Self:
        owners = {"gpus": "mirrored", "virtual_devices": "mirrored", "workers": "multi_worker", "tpu": "tpu"}
        for option, strategy in owners.items():
            if getattr(self, option) is not None and self.strategy != strategy:
                raise ValueError(f"{option} is for strategy {strategy}, but strategy is {self.strategy}")
        if self.gpus is not None and self.virtual_devices is not None:
            raise ValueError(
                "gpus and virtual_devices exclude each other: the one chooses GPUs, the other does without"
            )
        if self.gpus is not None and len(set(self.gpus)) != len(self.gpus):
            raise ValueError(f"gpus lists {', '.join(map(str, self.gpus))}: each GPU once")
        if self.gpus == ():
            raise ValueError("gpus is empty; leave it out to train on all GPUs")
        if self.strategy == "tpu" and not self.tpu:
            raise ValueError("strategy tpu needs tpu: its name, its grpc:// address, or local on a TPU VM")
        return self
