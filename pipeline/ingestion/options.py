"""What ingestion needs to know, as one value that travels through TFX as JSON."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.arrays_section import ArrayPair
from darkroom.configuration.listing_section import ListingSection
from darkroom.configuration.samples_section import SamplesSection
from darkroom.configuration.section import Section
from darkroom.configuration.span_section import SpanChoice, has_span
from darkroom.configuration.split_ratios import SplitRatios
from darkroom.configuration.tfrecords_section import TfRecordsSection
from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline.ingestion.sources.arrays import Arrays
from pipeline.ingestion.sources.class_folders import ClassFolders
from pipeline.ingestion.sources.listing import Listing
from pipeline.ingestion.sources.samples import Samples
from pipeline.ingestion.sources.source import Source
from pipeline.ingestion.sources.spans import Spans
from pipeline.ingestion.sources.tfrecords import TfRecords
from pipeline.ingestion.spans import Span, available_spans, choose_spans, fill_span
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
        span: which spans are taken where paths have placeholders; None after `resolved`, and where they have none.
        spans: those that are taken, the oldest first; set by `resolved`.
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
    span: SpanChoice | None = None
    spans: tuple[Span, ...] = ()

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
            span=data.span if data.has_spans else None,
            ledgers=f"{config.pipeline_root.rstrip('/')}/splits",
        )

    def resolved(self) -> IngestionOptions:
        """The same with the spans that are taken now, whatever is delivered later.

        Raises:
            DataError: there is no span, or not the one that is wanted.
        """
        if self.span is None:
            return self
        available = available_spans(self._pattern, wildcards=self.tfrecords is not None)
        chosen = choose_spans(available, self.span, self._pattern)
        # How they were asked for must not tell cached examples apart.
        return self.model_copy(update={"span": None, "spans": chosen})

    def source(self) -> Source:
        """The source that these options name.

        Raises:
            DataError: there is no span, or not the one that is wanted.
        """
        if self.span is not None:
            return self.resolved().source()
        if self.spans:
            named = tuple(
                (span.name, self._at(span, is_newest=span is self.spans[-1])._source()) for span in self.spans
            )
            return Spans(named, self.classes, self.task, self.positive)
        return self._source()

    def _source(self) -> Source:
        if self.listing is not None:
            return Listing(self.listing, self.classes, self.task, self.positive, self.group)
        if self.tfrecords is not None:
            return TfRecords(self.tfrecords, self.classes, self.task, self.positive, self.group)
        if self.arrays is not None:
            return Arrays(self.arrays, self.classes, self.task, self.positive)
        if self.samples is not None:
            return Samples(self.samples, self.classes, self.task, self.positive)
        return ClassFolders(self.root, self.classes, self.task, self.positive)

    @property
    def _pattern(self) -> str:
        if self.arrays is not None:
            return next(pair.images for pair in self.arrays if has_span(pair.images))
        return self.root

    def _at(self, span: Span, *, is_newest: bool) -> IngestionOptions:
        """The options of one span; an array that is the same in all of them comes with the newest."""
        arrays = self.arrays and tuple(pair for pair in self.arrays if is_newest or has_span(pair.images))
        return self.model_copy(
            update={
                "root": fill_span(self.root, span),
                "listing": self.listing and _filled(self.listing, span, "path", "root"),
                "tfrecords": self.tfrecords and _filled(self.tfrecords, span, "pattern"),
                "arrays": arrays and tuple(_filled(pair, span, "images", "labels") for pair in arrays),
                "samples": self.samples and _filled(self.samples, span, "folder", "images"),
            }
        )

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


def _filled(section: _SectionT, span: Span, *keys: str) -> _SectionT:
    return section.model_copy(
        update={key: fill_span(path, span) for key in keys if (path := getattr(section, key)) is not None}
    )
