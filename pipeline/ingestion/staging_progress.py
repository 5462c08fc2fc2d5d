"""Telling how far the opening of images is, from the files that workers append to, in whatever process they are."""

from __future__ import annotations

import glob
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.ingestion.staging import ROW
from pipeline.progress import reporter

# Often enough for people who wait, seldom enough for logs.
_SECONDS = 10.0


@contextmanager
def staging_progress(folder: str, total: int | None, every: float = _SECONDS) -> Iterator[None]:
    """While open, reports images, images per second and the remaining time.

    Args:
        folder: where images are staged. Only a local one is looked into: elsewhere files show their size at their end.
        total: how many images there are; None where nobody knows, and then no remaining time is told.
        every: seconds between two reports.
    """
    if "://" in folder:
        yield
        return
    # The reporter belongs to this thread's context.
    tell, ended, start = reporter().step, threading.Event(), time.monotonic()

    def watch() -> None:
        while not ended.wait(every):
            done = staged_images(folder)
            if done:
                tell(progress_text(done, total, time.monotonic() - start))

    thread = threading.Thread(target=watch, name="staging progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def staged_images(folder: str) -> int:
    """How many images lie in a staging folder, those put aside included; a few that are not yet on disk left out."""
    found = 0
    for path in glob.iglob(f"{glob.escape(folder)}/*.rows"):
        try:
            found += os.path.getsize(path) // ROW.itemsize
        except OSError:
            continue  # gone since the folder was listed
    return found


def progress_text(done: int, total: int | None, seconds: float) -> str:
    """One line: how many of how many, how fast, how long it will take."""
    speed = done / seconds
    if total is None:
        return f"{done:,} images, {speed:,.0f} images/s"
    left = round(max(total - done, 0) / speed)
    shown = f"{left // 3600} h {left % 3600 // 60} min" if left >= 3600 else f"{left // 60} min {left % 60} s"
    return f"{done:,} of {total:,} images, {speed:,.0f} images/s, {shown} left"
