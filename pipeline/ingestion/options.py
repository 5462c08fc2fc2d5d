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
        group: the column in which images that stay together have the same text.
        near_duplicates: how many bits of perceptual hashes may differ in images that stay together; None compares none.
        max_quarantined: the share of images that may be put aside.
        ledgers: the folder that remembers splits from run to run; None remembers nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: str
    listing: ListingSection | None = None
    task: Task = Task.MULTICLASS
    positive: str | None = None
    classes: tuple[str, ...] | None = None
    ratios: SplitRatios
    limits: ImageLimits
    group: str | None = None
    near_duplicates: int | None = None
    max_quarantined: float = 1.0
    ledgers: str | None = None

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
            group=data.group,
            near_duplicates=data.near_duplicates,
            max_quarantined=data.max_quarantined,
            ledgers=f"{config.pipeline_root.rstrip('/')}/splits",
        )

    def source(self) -> Source:
        """The source that these options name."""
        if self.listing is not None:
            return Listing(self.listing, self.classes, self.task, self.positive, self.group)
        return ClassFolders(self.root, self.classes, self.task, self.positive)

    def way_of_splitting(self) -> dict[str, object]:
        """What the ledger of splits depends on."""
        return {
            "ratios": self.ratios.model_dump(),
            "group": self.group,
            "near_duplicates": self.near_duplicates,
        }


def _located(config: DarkroomConfig, listing: ListingSection) -> ListingSection:
    paths = {"path": config.resolve(listing.path)}
    if listing.root is not None:
        paths["root"] = config.resolve(listing.root)
    return listing.model_copy(update=paths)
