"""Decodes a sample of the images, in one thread and within a share of one core, to know how bright they are."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from preprocessing.images.header import ImageHeader
from preprocessing.population.pixel_facts import PixelFacts, measure_pixels

_LOG = logging.getLogger(__name__)

# After an image that a decoder stumbled over: a flood of such must not become a flood of log lines.
_PAUSE_SECONDS = 10.0


class PixelSampler:
    """Takes an image when the one before is done and its time is paid off; passes over all others.

    Whether an image is taken does not depend on what it shows, so the sample is fair. Belongs to one event loop.
    """

    def __init__(self, share: float) -> None:
        """Start nothing yet.

        Args:
            share: of one core, 0..1, over time; 0 takes no image.
        """
        self._share = share
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="pixel-facts")
        self._is_busy = False
        self._free_at = 0.0

    def offer(self, image: bytes, header: ImageHeader, use: Callable[[PixelFacts], None]) -> bool:
        """Measure an image if there is time for it; `use` gets the facts later, in the event loop.

        Returns:
            Whether the image was taken.
        """
        if not self._share or self._is_busy or time.monotonic() < self._free_at:
            return False
        self._is_busy = True
        loop = asyncio.get_running_loop()
        measuring = self._threads.submit(_timed, image, header)
        measuring.add_done_callback(lambda done: _call_in(loop, self._done, done, use))
        return True

    def close(self) -> None:
        """Stop the thread; an image that is measured is measured to its end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _done(self, measured: Future[tuple[PixelFacts | None, float]], use: Callable[[PixelFacts], None]) -> None:
        self._is_busy = False
        if measured.cancelled():
            return
        error = measured.exception()
        if error is not None:
            _LOG.warning("An image that was verified can't be measured: %r", error)
            self._free_at = time.monotonic() + _PAUSE_SECONDS
            return
        facts, seconds = measured.result()
        self._free_at = time.monotonic() + seconds * (1 / self._share - 1)
        if facts is not None:
            use(facts)


def _timed(image: bytes, header: ImageHeader) -> tuple[PixelFacts | None, float]:
    """The facts, and the CPU seconds of this thread that they took."""
    started = time.thread_time()
    return measure_pixels(image, header), time.thread_time() - started


def _call_in(loop: asyncio.AbstractEventLoop, *call: object) -> None:
    try:
        loop.call_soon_threadsafe(*call)  # type: ignore[arg-type]
    except RuntimeError:
        return  # the loop has closed: the gateway is gone, and nobody needs the facts
