"""The `kubeflow` section of `darkroom.yaml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.configuration.section import Section
from darkroom.configuration.training_job_section import TrainingJobSection


class KubeflowSection(Section):
    """Kubeflow Pipelines: what runs can be started with, and where its API is."""

    parameters: tuple[Annotated[str, Field(pattern=r"^[a-z_0-9]+(\.[a-z_0-9]+)+$")], ...] = Field(
        default=("data.span", "training.epochs"),
        description="Keys of this file that become parameters of the pipeline, each with its value as the default; "
        "`training.epochs` becomes `training_epochs`. Any other key can be set for a run through the parameter "
        "`overrides`.",
    )
    host: Annotated[str, Field(pattern=r"^https?://[^/@\s]+(/\S*)?$")] | None = Field(
        default=None, description="Address of the Pipelines API, such as `http://ml-pipeline.kubeflow:8888`."
    )
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")] | None = Field(
        default=None, description="Where runs go in a Kubeflow with several users; null in one without."
    )
    experiment: str | None = Field(default=None, description="What runs are kept under; null is the pipeline's name.")
    token_file: str | None = Field(
        default=None, description="A file with the token that opens the API; null asks without one."
    )
    ca_file: str | None = Field(
        default=None, description="Certificates to check the API's with; null takes the system's."
    )
    artifact_root: str | None = Field(
        default=None,
        description="Where Kubeflow keeps what its own pages show (`s3://`, `gs://`, `minio://`); null is its default. "
        "Darkroom's artifacts are under `pipeline.root`.",
    )
    training_job: TrainingJobSection | None = Field(
        default=None,
        description="Training in several pods, under `training.distribution.strategy: multi_worker` without `workers`; "
        "null trains in the Trainer step's own.",
    )
