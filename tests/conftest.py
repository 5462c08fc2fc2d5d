"""What holds for the whole suite: its order, and what no test may leave behind."""

import gc
import sys

import pytest


def pytest_collection_modifyitems(items):
    """Files with slow tests come first: one that came last would run alone, while the other cores wait."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish():
    """What imports brought stays until the end; each full collection would look at all of it, a tenth of the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _ops_may_differ_again():
    """A training makes TensorFlow's ops deterministic for the whole process; some ops then refuse to run."""
    yield
    # TensorFlow offers the way back to itself alone.
    config = sys.modules.get("tensorflow.python.framework.config")
    if config is not None:
        config.disable_op_determinism()
