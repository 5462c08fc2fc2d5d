"""The end of a dead worker's log, for the error that tells of its death."""

from __future__ import annotations

import re
from collections.abc import Sequence

LOG_LINES = 20

# What TensorFlow says whether or not anything is wrong.
_TENSORFLOW_NEWS = re.compile(r"[IW]\d{4} |WARNING: All log messages|To enable the following instructions")


def last_words(log: Sequence[str]) -> str:
    """A sentence with the last lines of a log that say something."""
    said = [line for line in log if not is_news(line)]
    return "It last said:\n" + "\n".join(said[-LOG_LINES:]) if said else "It said nothing."


def is_news(line: str) -> bool:
    """Whether a line is one of those that TensorFlow writes in any case."""
    return _TENSORFLOW_NEWS.match(line) is not None
