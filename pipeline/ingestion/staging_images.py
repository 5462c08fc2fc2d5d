"""The Beam step that opens each image once and stages what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import apache_beam as beam

from pipeline.features import SPLITS
from pipeline.ingestion import storage
from pipeline.ingestion.labelled_image import LabelledImage, Quarantined
from pipeline.ingestion.staging import StagingFile, key_of
from preprocessing.images import ImageLimits

if TYPE_CHECKING:
    from pipeline.ingestion.reading import CheckedImage, ImageReader, RefusedImage

IMAGES = "images"
REFUSED = "refused"


class StageImages(beam.DoFn):
    """`LabelledImage` to staged examples, everything else to staged quarantine examples.

    Emits `(IMAGES or REFUSED, stem)` for each pair of files that a bundle writes, when it is begun: Beam's Dask runner
    loses what `finish_bundle` emits. Files are whole when their bundle has ended, and until then nobody opens them.
    """

    def __init__(self, folder: str, limits: ImageLimits) -> None:
        super().__init__()
        self._folder = folder
        self._limits = limits

    def setup(self) -> None:
        """Traces the decoder once for each worker."""
        # Imported here: the module builds TensorFlow functions, which do not travel in a pickled DoFn.
        from pipeline.ingestion.reading import ImageReader  # noqa: PLC0415

        self._reader: ImageReader = ImageReader(self._limits)

    def start_bundle(self) -> None:
        """Begins with no file."""
        self._files: dict[str, StagingFile] = {}

    def process(self, element: LabelledImage | Quarantined) -> Iterator[tuple[str, str]]:
        """Reads and stages one image."""
        before = set(self._files)
        self._read(element)
        for kind in self._files.keys() - before:
            yield kind, self._files[kind].stem

    def _read(self, element: LabelledImage | Quarantined) -> None:
        from pipeline.ingestion.reading import CheckedImage, RefusedImage  # noqa: PLC0415

        if isinstance(element, Quarantined):
            self._stage_refused(RefusedImage(element, b""))
            return
        found = self._reader.read(element)
        if isinstance(found, CheckedImage):
            self._stage(found, element)
        else:
            self._stage_refused(found)

    def finish_bundle(self) -> None:
        """Closes the files."""
        for file in self._files.values():
            file.close()

    def _stage(self, found: CheckedImage, image: LabelledImage) -> None:
        self._file(IMAGES).append(
            found.example,
            sha256=list(found.sha256),
            name=key_of(image.name),
            group=key_of(image.group),
            look=found.look.perceptual_hash or 0,
            has_look=found.look.perceptual_hash is not None,
            thumbnail=found.look.thumbnail,
            given=0 if image.split is None else 1 + SPLITS.index(image.split),
            label=-1 if image.label is None else image.label,
            target=0.0 if image.target is None else image.target,
        )

    def _stage_refused(self, refused: RefusedImage) -> None:
        from pipeline.ingestion.quarantine import to_quarantine_example  # noqa: PLC0415

        self._file(REFUSED).append(
            to_quarantine_example(refused.entry, refused.image_bytes), name=key_of(refused.entry.file)
        )

    def _file(self, kind: str) -> StagingFile:
        if kind not in self._files:
            storage.make_folder(self._folder)
            self._files[kind] = StagingFile(self._folder)
        return self._files[kind]
