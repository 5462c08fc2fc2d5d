import gc

import pytest

from darkroom.heap import keep_what_is_alive, keeping_imports


@pytest.fixture(autouse=True)
def _as_before():
    yield
    gc.unfreeze()
    gc.enable()


class Knot:
    """Refers to itself."""

    def __init__(self):
        self.itself = self


def test_what_is_alive_is_collected_no_more():
    before = Knot()
    keep_what_is_alive()
    after = Knot()

    assert all(found is not before for found in gc.get_objects())
    assert any(found is after for found in gc.get_objects())


def test_nothing_is_collected_while_imports_run():
    with keeping_imports():
        enabled_inside = gc.isenabled()
        imported = Knot()

    assert not enabled_inside
    assert gc.isenabled()
    assert all(found is not imported for found in gc.get_objects())


def test_collection_goes_on_after_an_import_that_failed():
    with pytest.raises(ImportError), keeping_imports():
        raise ImportError

    assert gc.isenabled()


def test_collection_that_was_off_stays_off():
    gc.disable()
    with keeping_imports():
        pass

    assert not gc.isenabled()
