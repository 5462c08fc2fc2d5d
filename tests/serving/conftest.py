import pytest

from tests.serving.collector import Collector


@pytest.fixture
def collector():
    running = Collector()
    yield running
    running.stop()
