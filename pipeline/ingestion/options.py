"""What ingestion needs to know, as one value that travels through TFX as JSON."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.arrays_section import ArrayPair
from darkroom.configuration.listing_section import ListingSection
from darkroom.configuration.samples_section import SamplesSection
from darkroom.configuration.section import Section
from darkroom.configuration.split_ratios import SplitRatios
from darkroom.configuration.tfrecords_section import TfRecordsSection
from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline.ingestion.sources.arrays import Arrays
from pipeline.ingestion.sources.class_folders import ClassFolders
from pipeline.ingestion.sources.listing import Listing
from pipeline.ingestion.sources.samples import Samples
from pipeline.ingestion.sources.source import Source
from pipeline.ingestion.sources.tfrecords import TfRecords
from preprocessing.images import ImageLimits

_SectionT = TypeVar("_SectionT", bound=Section)


class IngestionOptions(BaseModel):
    """The source, the task, the split shares and the limits.

    Attributes:
        root: of class folders, where no other source is given.
        listing, tfrecords, arrays, samples: with absolute paths; one of them at most.
        group: the column in which images that stay together have the same text.
        near_duplicates: how many bits of perceptual hashes may differ in images that stay together; None compares none.
        max_quarantined: the share of images that may be put aside.
        ledgers: the folder that remembers splits from run to run; None remembers nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: str
    listing: ListingSection | None = None
    tfrecords: TfRecordsSection | None = None
    arrays: tuple[ArrayPair, ...] | None = None
    samples: SamplesSection | None = None
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
        if data.task is Task.REGRESSION and data.source in {"images", "samples"}:
            raise ConfigurationError(
                "data.task: a regression's targets come from a listing, TFRecords or arrays, folders of images have "
                "none; set data.listing"
            )
        return cls(
            root=config.images_path,
            listing=_located(config, data.listing, "path", "root"),
            tfrecords=_located(config, data.tfrecords, "pattern"),
            arrays=None
            if data.arrays is None
            else tuple(pair.model_copy(update=_paths(config, pair, "images", "labels")) for pair in data.arrays),
            samples=_located(config, data.samples, "folder", "images"),
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
        if self.tfrecords is not None:
            return TfRecords(self.tfrecords, self.classes, self.task, self.positive, self.group)
        if self.arrays is not None:
            return Arrays(self.arrays, self.classes, self.task, self.positive)
        if self.samples is not None:
            return Samples(self.samples, self.classes, self.task, self.positive)
        return ClassFolders(self.root, self.classes, self.task, self.positive)

    def way_of_splitting(self) -> dict[str, object]:
        """What the ledger of splits depends on."""
        return {
            "ratios": self.ratios.model_dump(),
            "group": self.group,
            "near_duplicates": self.near_duplicates,
        }


def _located(config: DarkroomConfig, section: _SectionT | None, *keys: str) -> _SectionT | None:
    return None if section is None else section.model_copy(update=_paths(config, section, *keys))


def _paths(config: DarkroomConfig, section: Section, *keys: str) -> dict[str, str]:
    return {key: config.resolve(path) for key in keys if (path := getattr(section, key)) is not None}
