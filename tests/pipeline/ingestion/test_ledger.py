import hashlib

import numpy as np
import pytest

from darkroom.errors import DataError
from pipeline.ingestion.ledger import Ledger, ledger_path
from pipeline.ingestion.staging import ROW


def rows(*names, group=0):
    made = np.zeros(len(names), ROW)
    made["sha256"], made["group"] = hashes(*names), group
    return made


def hashes(*names):
    return np.array([list(hashlib.sha256(name.encode()).digest()) for name in names], np.uint8).reshape(-1, 32)


def test_what_was_written_is_read(tmp_path):
    path = str(tmp_path / "splits" / "a.npz")
    Ledger.empty().with_new(rows("a", "b", "c"), np.array([2, 0, -2])).write(path)
    found = Ledger.read(path)
    assert found.look_up(hashes("c", "b", "a")).tolist() == [-1, 0, 2]
    assert found.images_of("test") == {hashlib.sha256(b"a").hexdigest()}


def test_what_is_known_stays_and_nothing_is_forgotten(tmp_path):
    first = Ledger.empty().with_new(rows("a", "b"), np.array([2, 0]))
    second = first.with_new(rows("c", "a"), np.array([1, 0]))
    assert second.look_up(hashes("a", "b", "c")).tolist() == [2, 0, 1]


def test_group_and_look_are_those_of_now():
    ledger = Ledger.empty().with_new(rows("a", "b", group=7), np.array([2, 0])).with_new(rows("b", group=9), [-2])
    away = ledger.without(hashes("b"))
    assert (away.rows["group"].tolist(), away.splits.tolist()) == ([7], [2])
    assert sorted(ledger.rows["group"].tolist()) == [7, 9]


def test_a_ledger_of_hashes_alone_is_read(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", sha256=hashes("a"), split=np.array([2], np.uint8))
    found = Ledger.read(str(tmp_path / "a.npz"))
    assert (found.look_up(hashes("a")).tolist(), found.rows["group"].tolist()) == ([2], [0])


def test_without_a_file_all_are_new(tmp_path):
    assert Ledger.read(str(tmp_path / "none.npz")).look_up(hashes("a")).tolist() == [-1]


def test_an_empty_ledger_is_written(tmp_path):
    Ledger.empty().write(str(tmp_path / "a.npz"))
    assert Ledger.read(str(tmp_path / "a.npz")).look_up(hashes("a")).tolist() == [-1]


def test_another_file_is_no_ledger(tmp_path):
    (tmp_path / "a.npz").write_text("text")
    with pytest.raises(DataError, match=r"a\.npz: remembers .* but is damaged. Put the splits\.npz"):
        Ledger.read(str(tmp_path / "a.npz"))


def test_another_way_of_splitting_has_another_ledger():
    assert ledger_path("/x", {"group": None}) != ledger_path("/x", {"group": "patient"})
    assert ledger_path("/x/", {"a": 1, "b": 2}) == ledger_path("/x", {"b": 2, "a": 1})
