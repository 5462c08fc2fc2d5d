"""From prediction logs to a folder of images with a listing to label and statistics.

Running it again with the same logs, or after it was interrupted, gives the same folder: images are named by the hash of
their bytes, written beside and renamed, and the listing is merged.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preprocessing.images import ImageHeader, ImageLimits, ImageRefusedError, inspect_image, verify_image
from preprocessing.population import Population
from preprocessing.population.pixel_facts import PixelFacts, measure_pixels
from serving.prediction_log.listing import LISTING, Listing
from serving.prediction_log.logged_image import LoggedImage, read_logged_images
from serving.prediction_log.tfrecord import CorruptRecordError, TruncatedRecordError, read_records

STATISTICS = "statistics.json"
IMAGES = "images"
FORMAT_VERSION = 1

# What file of a folder is a log; one that is still written can be named by itself.
_LOG_NAMES = ("*.tfrecord", "*.tfrecord.gz")


class LogError(ValueError):
    """A log that holds nothing to read, most likely another kind of file; the message says which."""


@dataclass(slots=True)
class Extracted:
    """What was found.

    Attributes:
        files, records: that were read.
        damaged: files that end early or are damaged, each in one sentence; what stands before the damage was read.
        unreadable_records: records that are no PredictionLog, or contradict themselves.
        logged_images: images in the logs, each as often as it was sent.
        refused: images that are not accepted, by reason.
        without_prediction: images whose answer has no prediction in a form that is known.
        written: images that were not in the folder before.
        listed: rows of the listing now.
        versions: images by `model/version`.
        everything: of every logged image.
        sampled: of those whose request was chosen at random: a fair sample of the traffic.
    """

    files: int = 0
    records: int = 0
    damaged: list[str] = field(default_factory=list)
    unreadable_records: int = 0
    logged_images: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    without_prediction: int = 0
    written: int = 0
    listed: int = 0
    versions: Counter[str] = field(default_factory=Counter)
    everything: Population = field(default_factory=Population)
    sampled: Population = field(default_factory=Population)

    @property
    def traffic(self) -> Population:
        """What stands best for the traffic: the requests chosen at random, or all where none is marked so."""
        return self.sampled if self.sampled.images else self.everything

    def as_json(self) -> dict[str, Any]:
        """The document of `statistics.json`."""
        return {
            "format_version": FORMAT_VERSION,
            "files": self.files,
            "records": self.records,
            "damaged_files": self.damaged,
            "unreadable_records": self.unreadable_records,
            "logged_images": self.logged_images,
            "refused_images": dict(self.refused.most_common()),
            "images_without_prediction": self.without_prediction,
            "images_by_version": dict(self.versions.most_common()),
            "everything": self.everything.as_json(),
            "sampled": self.sampled.as_json() if self.sampled.images else None,
        }


def find_logs(paths: Iterable[Path]) -> list[Path]:
    """The log files that paths name: files as they are, and the finished shards in folders.

    Raises:
        LogError: a folder has none.
        FileNotFoundError: a path does not exist.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for pattern in _LOG_NAMES for file in path.glob(pattern))
            if not inside:
                raise LogError(f"{path}: has no finished shard ({' or '.join(_LOG_NAMES)})")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise FileNotFoundError(f"{path}: there is no such file or folder")
    return list(dict.fromkeys(found))


class Extraction:
    """One output folder that logs are read into."""

    def __init__(self, folder: Path, limits: ImageLimits | None = None) -> None:
        """Read the listing that is there already.

        Raises:
            ListingError: it can't be added to.
            OSError: the folder can't be made or read.
        """
        self._folder = folder
        self._limits = limits or ImageLimits()
        (folder / IMAGES).mkdir(parents=True, exist_ok=True)
        self._listing = Listing.read(folder / LISTING)
        self._known: dict[str, tuple[str, ImageHeader, PixelFacts | None] | None] = {}
        self._refusals: dict[str, str] = {}
        self.found = Extracted()

    def read(self, path: Path) -> None:
        """Read one log.

        Raises:
            LogError: nothing in the file can be read.
            OSError: the file can't be opened, or an image can't be written.
        """
        found = self.found
        readable = 0
        problem = ""
        try:
            for record in read_records(path):
                found.records += 1
                try:
                    for logged in read_logged_images(record):
                        self._take(logged)
                    readable += 1
                except ValueError as error:
                    found.unreadable_records += 1
                    problem = problem or f"{path}: {error}"
        except TruncatedRecordError as error:
            found.damaged.append(str(error))
        except CorruptRecordError as error:
            problem = str(error)
            found.damaged.append(problem)
        if problem and not readable:
            raise LogError(problem)
        found.files += 1

    def finish(self) -> Extracted:
        """Write the listing and the statistics.

        Raises:
            OSError: they can't be written.
        """
        self._listing.write(self._folder / LISTING)
        self.found.listed = len(self._listing.rows)
        _replace(self._folder / STATISTICS, (json.dumps(self.found.as_json(), indent=1) + "\n").encode())
        return self.found

    def _take(self, logged: LoggedImage) -> None:
        found = self.found
        found.logged_images += 1
        sha256 = hashlib.sha256(logged.image).hexdigest()
        if sha256 not in self._known:
            self._known[sha256] = self._look_at(sha256, logged.image)
        known = self._known[sha256]
        if known is None:
            found.refused[self._refusals[sha256]] += 1
            return
        name, header, pixels = known
        found.versions[f"{logged.model}/{'' if logged.version is None else logged.version}"] += 1
        opinion = logged.opinion
        if opinion is None:
            found.without_prediction += 1
        for population in (found.everything, *([found.sampled] if logged.is_sampled else [])):
            population.add_image(header, len(logged.image))
            if pixels is not None:
                population.add_pixels(pixels)
            if opinion is not None and opinion.label is not None and opinion.confidence is not None:
                population.add_prediction(opinion.label, opinion.confidence)
        self._listing.add(sha256, name, logged)

    def _look_at(self, sha256: str, image: bytes) -> tuple[str, ImageHeader, PixelFacts | None] | None:
        """Check an image by the rules of ingestion and write it; None for one that is refused."""
        try:
            header = inspect_image(image, self._limits)
            verify_image(image, header)
        except ImageRefusedError as error:
            self._refusals[sha256] = error.reason.value
            return None
        name = f"{IMAGES}/{sha256}.{header.format.value}"
        path = self._folder / name
        if not (path.exists() and path.stat().st_size == len(image)):
            _replace(path, image)
            self.found.written += 1
        return name, header, measure_pixels(image, header)


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that it is there as a whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
