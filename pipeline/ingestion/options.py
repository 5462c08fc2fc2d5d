"""What ingestion needs to know, as one value that travels through TFX as JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.listing_section import ListingSection
from darkroom.configuration.split_ratios import SplitRatios
from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline.ingestion.sources.class_folders import ClassFolders
from pipeline.ingestion.sources.listing import Listing
from pipeline.ingestion.sources.source import Source
from preprocessing.images import ImageLimits


class IngestionOptions(BaseModel):
    """The source, the task, the split shares and the limits.

    Attributes:
        root: of class folders; where there is a listing, its path.
        listing: with absolute paths.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: str
    listing: ListingSection | None = None
    task: Task = Task.MULTICLASS
    positive: str | None = None
    classes: tuple[str, ...] | None = None
    ratios: SplitRatios
    limits: ImageLimits

    @classmethod
    def from_configuration(cls, config: DarkroomConfig) -> IngestionOptions:
        """The part of a configuration that ingestion depends on.

        Raises:
            ConfigurationError: the source has no labels of the task's kind.
        """
        data = config.data
        if data.task is Task.REGRESSION and data.listing is None:
            raise ConfigurationError(
                "data.task: a regression's targets come from a listing, folders of images have none; set data.listing"
            )
        return cls(
            root=config.images_path,
            listing=None if data.listing is None else _located(config, data.listing),
            task=data.task,
            positive=data.positive,
            classes=data.classes,
            ratios=data.splits,
            limits=data.limits,
        )

    def source(self) -> Source:
        """The source that these options name."""
        if self.listing is not None:
            return Listing(self.listing, self.classes, self.task, self.positive)
        return ClassFolders(self.root, self.classes, self.task, self.positive)


def _located(config: DarkroomConfig, listing: ListingSection) -> ListingSection:
    paths = {"path": config.resolve(listing.path)}
    if listing.root is not None:
        paths["root"] = config.resolve(listing.root)
    return listing.model_copy(update=paths)
