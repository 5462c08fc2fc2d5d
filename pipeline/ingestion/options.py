"""What ingestion needs to know, as one value that travels through TFX as JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.sections import SplitRatios
from pipeline.ingestion.class_folders import ClassFolders
from preprocessing.images import ImageLimits


class IngestionOptions(BaseModel):
    """The source, the split shares and the limits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: str
    classes: tuple[str, ...] | None
    ratios: SplitRatios
    limits: ImageLimits

    @classmethod
    def from_configuration(cls, config: DarkroomConfig) -> IngestionOptions:
        """The part of a configuration that ingestion depends on."""
        return cls(
            root=config.images_path,
            classes=config.data.classes,
            ratios=config.data.splits,
            limits=config.data.limits,
        )

    def source(self) -> ClassFolders:
        """The source that these options name."""
        return ClassFolders(self.root, self.classes)
