"""The whole of `darkroom.yaml` as one value."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, PrivateAttr, model_validator

from darkroom.configuration.data_section import DataSection
from darkroom.configuration.evaluation_section import EvaluationSection
from darkroom.configuration.export_section import ExportSection
from darkroom.configuration.hyperparameters import check_range
from darkroom.configuration.kubeflow_section import KubeflowSection
from darkroom.configuration.kubernetes_section import KubernetesSection
from darkroom.configuration.model_section import ModelSection
from darkroom.configuration.push_section import PushSection
from darkroom.configuration.section import Section
from darkroom.configuration.sections import (
    BeamSection,
    PipelineSection,
)
from darkroom.configuration.serving_check_section import ServingCheckSection
from darkroom.configuration.task_rules import check_task, watch_what_the_task_has
from darkroom.configuration.training_section import TrainingSection
from darkroom.configuration.tuning_section import TuningSection
from darkroom.errors import ConfigurationError
from preprocessing.spec import PreprocessingSpec
from serving.gateway.settings import GatewaySettings


class DarkroomConfig(Section):
    """Everything a run depends on. Relative paths are relative to the file the configuration was read from."""

    data: DataSection = Field(default_factory=DataSection, description="The labelled images.")
    preprocessing: PreprocessingSpec = Field(
        default_factory=PreprocessingSpec,
        description="From encoded bytes to the model's input; the same graph runs in training and in serving.",
    )
    model: ModelSection = Field(default_factory=ModelSection, description="The network.")
    training: TrainingSection = Field(default_factory=TrainingSection, description="How it is fitted.")
    tuning: TuningSection = Field(
        default_factory=TuningSection, description="Which hyperparameters are searched before it is fitted."
    )
    evaluation: EvaluationSection = Field(default_factory=EvaluationSection, description="What it must reach.")
    export: ExportSection = Field(default_factory=ExportSection, description="In which form it is served.")
    serving_check: ServingCheckSection = Field(
        default_factory=ServingCheckSection, description="What a model server must make of it."
    )
    push: PushSection = Field(default_factory=PushSection, description="Where it goes.")
    pipeline: PipelineSection = Field(default_factory=PipelineSection, description="Where runs are recorded.")
    beam: BeamSection = Field(default_factory=BeamSection, description="Data processing.")
    kubernetes: KubernetesSection = Field(
        default_factory=KubernetesSection, description="What steps of the pipeline run in, in a cluster."
    )
    kubeflow: KubeflowSection = Field(default_factory=KubeflowSection, description="Kubeflow Pipelines.")
    serving: GatewaySettings = Field(default_factory=GatewaySettings, description="The gateway.")

    _base: Path = PrivateAttr(default_factory=Path.cwd)

    @model_validator(mode="after")
    def _fits_the_task(self) -> Self:
        watch_what_the_task_has(self.data.task, self.training, self.tuning, self.evaluation)
        check_task(self.data.task, self.training, self.tuning, self.evaluation)
        return self

    @model_validator(mode="after")
    def _can_be_tuned(self) -> Self:
        # What nobody asked for need not fit.
        asked = self.tuning.enabled or "parameters" in self.tuning.model_fields_set
        for key, range_ in self.tuning.parameters.items() if asked else ():
            try:
                check_range(self.model, self.training, key, range_)
            except ConfigurationError as error:
                raise ValueError(f"tuning.parameters: {error}") from error
        distribution = self.training.distribution
        if self.tuning.enabled and distribution.strategy in ("multi_worker", "tpu"):
            raise ValueError(
                f"tuning searches on one machine, but training.distribution.strategy is {distribution.strategy}; "
                "search with 'darkroom tune --set training.distribution.strategy=mirrored' and train with what it found"
            )
        return self

    def located_at(self, base: Path) -> Self:
        """The same configuration with relative paths taken from `base`."""
        copy = self.model_copy()
        copy._base = base.resolve()
        return copy

    @property
    def base(self) -> Path:
        """The folder that relative paths start from."""
        return self._base

    def resolve(self, path: str) -> str:
        """An absolute path or URL for a path out of this configuration."""
        return path if "://" in path else str(self._base / Path(path).expanduser())

    @property
    def images_path(self) -> str:
        """Where the images are: the folder of class folders, or the file or folder that names or holds them."""
        data = self.data
        named = {
            "listing": data.listing and data.listing.path,
            "tfrecords": data.tfrecords and data.tfrecords.pattern,
            "arrays": data.arrays and data.arrays[0].images,
            "samples": data.samples and data.samples.folder,
        }
        return self.resolve(named.get(data.source) or data.images)

    @property
    def repository_path(self) -> str:
        """The model repository, above the models' names."""
        return self.resolve(self.push.repository)

    @property
    def pipeline_root(self) -> str:
        """The folder of artifacts, logs and metadata."""
        return self.resolve(self.pipeline.root)

    @property
    def pipeline_name(self) -> str:
        """The pipeline's name in ML Metadata."""
        return self.pipeline.name or self.model.name
