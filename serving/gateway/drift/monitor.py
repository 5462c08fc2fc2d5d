"""Windows of what each model version was asked and answered, and how far they are from the version's baseline."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from preprocessing.population import Population
from preprocessing.population.divergence import Divergence, compare
from preprocessing.population.pixel_facts import PixelFacts
from serving.errors import ServingError
from serving.gateway.drift.pixel_sampler import PixelSampler
from serving.gateway.drift.settings import DriftSettings
from serving.gateway.drift.window import PopulationWindow
from serving.gateway.record import RequestRecord

_LOG = logging.getLogger(__name__)

# Where the baseline stands in a model's description (pipeline/training/description.py).
BASELINE_KEY = "baseline"

# Versions with a window of their own; a gateway sees few at a time, and forgets the ones that were not asked longest.
_KEPT_VERSIONS = 16
# An eval split of a small data set has this many; a window must have `min_images`, of which there are always more.
_MIN_BASELINE = 100
# A version that could not be asked for its description is asked again, but not by every request.
_RETRY_SECONDS = 30.0

# (model, version) -> its description's document, None for a model that is not Darkroom's.
Describe = Callable[[str, int], Awaitable[dict[str, Any] | None]]


@dataclass(slots=True)
class _Version:
    window: PopulationWindow
    baseline: Population | None = None
    is_asked: bool = False
    ask_again_at: float = 0.0


@dataclass(frozen=True, slots=True)
class VersionDrift:
    """One version, as of now.

    Attributes:
        baseline_images: how many images its baseline has; 0 when the model stores none.
        window_images: how many images are in the window.
        divergences: of the features that have enough values on both sides.
    """

    model: str
    version: int
    baseline_images: int
    window_images: int
    divergences: list[Divergence] = field(default_factory=list)


class DriftMonitor:
    """Observes answered requests. Belongs to one event loop."""

    def __init__(
        self, settings: DriftSettings, describe: Describe, on_pixels: Callable[[PixelFacts], None] = lambda facts: None
    ) -> None:
        """Observe nothing yet.

        Args:
            settings: how long and how much.
            describe: asks a version for its description.
            on_pixels: told the facts of each image that was measured.
        """
        self._settings = settings
        self._describe = describe
        self._on_pixels = on_pixels
        self._sampler = PixelSampler(settings.decode_share)
        self._versions: OrderedDict[tuple[str, int], _Version] = OrderedDict()
        self._lookups: set[asyncio.Task[None]] = set()

    def __call__(self, record: RequestRecord) -> None:
        """Count a request that a model answered."""
        exchange = record.exchange
        if record.code is not None or exchange is None or not record.answered_version or not record.images:
            return
        version = self._version(record.model, record.answered_version)
        population = version.window.current()
        for header, size in zip(record.images, record.image_bytes, strict=True):
            population.add_image(header, size)
        for label, confidence in record.predicted:
            population.add_prediction(label, confidence)
        for image, header in zip(exchange.images, record.images, strict=True):
            self._sampler.offer(image, header, functools.partial(self._measured, version))

    def drifts(self) -> Iterator[VersionDrift]:
        """How each version stands now."""
        for (model, number), version in self._versions.items():
            current = version.window.total()
            baseline = version.baseline
            yield VersionDrift(
                model,
                number,
                0 if baseline is None else baseline.images,
                current.images,
                [] if baseline is None else self._compare(baseline, current),
            )

    def _compare(self, baseline: Population, current: Population) -> list[Divergence]:
        return compare(baseline, current, min_values=self._settings.min_images, min_baseline=_MIN_BASELINE)

    async def close(self) -> None:
        """Stop what runs beside the requests."""
        self._sampler.close()
        for lookup in self._lookups:
            lookup.cancel()
        await asyncio.gather(*self._lookups, return_exceptions=True)

    def _version(self, model: str, number: int) -> _Version:
        key = (model, number)
        found = self._versions.get(key)
        if found is None:
            found = self._versions[key] = _Version(PopulationWindow(self._settings.window_minutes * 60))
            while len(self._versions) > _KEPT_VERSIONS:
                self._versions.popitem(last=False)
        self._versions.move_to_end(key)
        if not found.is_asked and time.monotonic() >= found.ask_again_at:
            found.is_asked = True
            lookup = asyncio.create_task(self._look_up(key, found))
            self._lookups.add(lookup)
            lookup.add_done_callback(self._lookups.discard)
        return found

    async def _look_up(self, key: tuple[str, int], version: _Version) -> None:
        try:
            document = await self._describe(*key)
        except ServingError as error:
            _LOG.warning("Model %s version %d: its baseline can't be asked for: %s", *key, error)
            version.is_asked = False
            version.ask_again_at = time.monotonic() + _RETRY_SECONDS
            return
        stored = None if document is None else document.get(BASELINE_KEY)
        if stored is None:
            _LOG.info("Model %s version %d stores no baseline, so its drift is not measured", *key)
            return
        try:
            version.baseline = Population.from_json(stored)
        except ValueError as error:
            _LOG.warning("Model %s version %d: its baseline can't be read, so drift is not measured: %s", *key, error)

    def _measured(self, version: _Version, facts: PixelFacts) -> None:
        version.window.current().add_pixels(facts)
        self._on_pixels(facts)
