"""The class-folder source: `<root>/<class>/<image>`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from darkroom.errors import DataError
from darkroom.task import Task
from pipeline.ingestion import storage
from pipeline.ingestion.labelled_image import LabelledImage
from pipeline.ingestion.sources.class_order import in_id_order
from pipeline.ingestion.sources.source import Source


@dataclass(frozen=True, slots=True)
class ClassFolders(Source):
    """A folder with one folder for each class.

    Attributes:
        root: local path or URL of a TensorFlow file system.
        classes: class names in id order; None takes the folders' names in alphabetical order.
        task: multiclass or binary.
        positive: a binary task's class that gets id 1.
    """

    root: str
    classes: tuple[str, ...] | None = None
    task: Task = Task.MULTICLASS
    positive: str | None = None

    @property
    def location(self) -> str:
        """The root."""
        return self.root

    def labels(self) -> list[str]:
        """The folders' names.

        Raises:
            DataError: the root does not exist, or holds no class folder, or one that is not in `classes`.
        """
        try:
            found = storage.folders_in(self.root)
        except OSError as error:
            raise DataError(
                f"{self.root}: cannot be listed ({error.strerror or error}). It must be a folder with one folder of "
                "images for each class; set data.images."
            ) from error
        if not found:
            raise DataError(
                f"{self.root}: holds no folders. Put the images of each class into a folder of its own, such as "
                f"{self.root}/cat and {self.root}/dog."
            )
        for name in found:
            if not name.isprintable():
                raise DataError(
                    f"{self.root}: the folder name {name!r} has control characters or is not UTF-8, and folder names "
                    "become class names. Rename it."
                )
        self._require_match(unlisted=set(found) - set(self.classes or found))
        return found

    def class_names(self) -> list[str]:
        """Class names in id order.

        Raises:
            DataError: the root does not exist, holds fewer than two class folders, or does not match `classes`, or not
                the two of a binary task.
        """
        found = self.labels()
        self._require_match(missing=set(self.classes or found) - set(found))
        return in_id_order(found, task=self.task, positive=self.positive, classes=self.classes, location=self.root)

    def parts(self) -> Sequence[str]:
        """A part for each class: its name."""
        return self.labels()

    def images(self, part: str, class_names: Sequence[str]) -> Iterator[LabelledImage]:
        """The files of one class, in name order, folders inside it included."""
        label = class_names.index(part)
        for path in storage.files_under(storage.join(self.root, part)):
            yield LabelledImage(path, path.removeprefix(f"{self.root.rstrip('/')}/"), label, part)

    def _require_match(self, unlisted: Collection[str] = (), missing: Collection[str] = ()) -> None:
        if unlisted or missing:
            parts = [f"{name!r} is a folder but not in data.classes" for name in sorted(unlisted)]
            parts += [f"{name!r} is in data.classes but has no folder" for name in sorted(missing)]
            raise DataError(f"{self.root}: {'; '.join(parts)}.")
