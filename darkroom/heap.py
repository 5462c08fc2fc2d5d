"""The heap of a whole process: what garbage collection looks at, and when memory goes back to the system.

A full collection looks at every object that is alive, with the interpreter lock held: 30 ms in a gateway and half a
second in a process that has imported TensorFlow, most of it modules, classes and functions that stay until the end.
Requests that happen to be there wait, and so does a training. What is kept out of it here is never looked at again.

For the processes of commands, not for libraries: all of this concerns the whole process.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Several photographs at once.
_REUSED_BYTES = 4 << 20


def keep_what_is_alive() -> None:
    """Leave everything that is alive now out of all later collections.

    Without a collection before, which would take longer than what imports throw away is worth.
    """
    gc.freeze()


@contextmanager
def without_collection() -> Iterator[None]:
    """Collect nothing inside: imports make hundreds of thousands of objects and hardly any garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def keeping_imports() -> Iterator[None]:
    """Collect nothing inside, and leave what is alive at the end out of all later collections."""
    with without_collection():
        try:
            yield
        finally:
            keep_what_is_alive()


def reuse_large_blocks() -> None:
    """Let glibc keep freed memory for the next request's messages; elsewhere this does nothing.

    At first it returns blocks of 128 KiB, and as much at the end of the heap, to the system at once, which then hands
    out and clears each page anew. It learns from the first larger block that is freed (mallopt(3), M_MMAP_THRESHOLD);
    whether and when one is, is luck.
    """
    bytearray(_REUSED_BYTES)
