"""Several spans of one source, read as one set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from darkroom.task import Task
from pipeline.ingestion.labelled_image import LabelledImage, Quarantined
from pipeline.ingestion.sources.class_order import in_id_order
from pipeline.ingestion.sources.source import Source

# The column that each image gets: `image/extra/span`, to slice metrics by.
SPAN_COLUMN = "span"


@dataclass(frozen=True, slots=True)
class Spans(Source):
    """The spans that a run takes.

    A span need not have every class; all of them together do. Images are called `<span>/<name>`.

    Attributes:
        named: each span's name and source, the oldest first.
        classes: class names in id order; None takes those that are found, in alphabetical order.
        task: what the labels are.
        positive: a binary task's class that gets id 1.
    """

    named: tuple[tuple[str, Source], ...]
    classes: tuple[str, ...] | None = None
    task: Task = Task.MULTICLASS
    positive: str | None = None

    @property
    def location(self) -> str:
        """The newest span's, and how many there are before it."""
        newest = self.named[-1][1].location
        before = len(self.named) - 1
        return newest if not before else f"{newest} and {before} span{'s' if before > 1 else ''} before it"

    @property
    def carries_bytes(self) -> bool:
        """As the source does."""
        return self.named[-1][1].carries_bytes

    @property
    def orders_classes(self) -> bool:
        """As the source does."""
        return self.named[-1][1].orders_classes

    def labels(self) -> list[str]:
        """The class names of all spans, each once, in the order in which they first come."""
        return list(dict.fromkeys(chain.from_iterable(source.labels() for _, source in self.named)))

    def class_names(self) -> list[str]:
        """Class names in id order; none for a regression."""
        found = self.labels()
        if self.task is Task.REGRESSION:
            return []
        classes = tuple(found) if self.classes is None and self.orders_classes else self.classes
        return in_id_order(found, task=self.task, positive=self.positive, classes=classes, location=self.location)

    def parts(self) -> Sequence[tuple[int, Any]]:
        """The parts of each span, with its place in `named`."""
        return [(place, part) for place, (_, source) in enumerate(self.named) for part in source.parts()]

    def images(self, part: tuple[int, Any], class_names: Sequence[str]) -> Iterator[LabelledImage | Quarantined]:
        """The images of a part of a span."""
        place, inner = part
        name, source = self.named[place]
        for image in source.images(inner, class_names):
            if isinstance(image, Quarantined):
                yield replace(image, file=f"{name}/{image.file}")
                continue
            # A listing may have a column of this name.
            extra = image.extra if dict(image.extra).get(SPAN_COLUMN) else (*image.extra, (SPAN_COLUMN, name))
            yield replace(image, name=f"{name}/{image.name}", extra=extra)

    def fingerprint(self) -> str:
        """SHA-256 in hexadecimal over the spans' names and fingerprints."""
        facts = [(name, source.fingerprint()) for name, source in self.named]
        return hashlib.sha256(repr(facts).encode()).hexdigest()
