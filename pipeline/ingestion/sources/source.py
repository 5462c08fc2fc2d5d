"""What every source of labelled images answers."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.ingestion import storage
from pipeline.ingestion.labelled_image import LabelledImage, Quarantined


class Source(ABC):
    """A set of labelled images. Workers get copies, so a source pickles."""

    @property
    @abstractmethod
    def location(self) -> str:
        """Where it is, for messages."""

    @abstractmethod
    def labels(self) -> list[str]:
        """The class names that are there, however few, in the source's own order; none for a regression.

        Raises:
            DataError: the source does not exist, or cannot be read.
        """

    @abstractmethod
    def class_names(self) -> list[str]:
        """Class names in id order; none for a regression.

        Raises:
            DataError: the source does not exist, or does not hold classes that fit the task.
        """

    @abstractmethod
    def parts(self) -> Sequence[Any]:
        """What workers can read apart from one another; each goes to `images`."""

    @abstractmethod
    def images(self, part: Any, class_names: Sequence[str]) -> Iterator[LabelledImage | Quarantined]:
        """The images of a part, and what cannot be one, in the same order each time.

        Args:
            part: one of `parts`.
            class_names: what `class_names` answered, so that workers need not find out again.
        """

    @property
    def carries_bytes(self) -> bool:
        """Whether images come with their bytes, and so are better checked where they are read."""
        return False

    @property
    def orders_classes(self) -> bool:
        """Whether the order of `labels` is that of the ids; else it is alphabetical."""
        return False

    def fingerprint(self) -> str:
        """SHA-256 in hexadecimal; another when an image is added, removed, renamed, labelled anew or rewritten."""
        digest = hashlib.sha256()
        names = self.labels()
        for part in self.parts():
            for image in self.images(part, names):
                digest.update(repr(image).encode(errors="surrogateescape"))
                if isinstance(image, LabelledImage):
                    digest.update(_facts(image.path).encode())
        return digest.hexdigest()


def _facts(path: str) -> str:
    try:
        return "{} {}".format(*storage.size_and_time(path))
    except OSError:
        return "unreadable"
