"""File systems that TensorFlow does not have, seen through `storage` as any other."""

import uuid

import pytest

from pipeline.ingestion import storage


@pytest.fixture
def root():
    """A folder of fsspec's file system in memory."""
    where = f"memory://{uuid.uuid4().hex}/set"
    yield where
    storage.remove_folder(where)


def test_what_is_written_is_read_listed_and_removed(root):
    for name in ("cat/1.jpg", "cat/indoor/2.jpg", "dog/3.jpg", ".hidden/4.jpg"):
        storage.write_whole(f"{root}/{name}", name.encode())
    assert storage.read_bytes(f"{root}/cat/1.jpg") == b"cat/1.jpg"
    assert storage.read_bytes(f"{root}/cat/1.jpg", 3) == b"cat"
    assert storage.folders_in(root) == ["cat", "dog"]
    assert list(storage.files_under(f"{root}/cat")) == [f"{root}/cat/1.jpg", f"{root}/cat/indoor/2.jpg"]
    assert storage.files_like(f"{root}/*/[13].jpg") == [f"{root}/cat/1.jpg", f"{root}/dog/3.jpg"]
    assert storage.paths_like(f"{root}/c*") == [f"{root}/cat"]
    storage.remove_folder(root)
    assert not storage.exists(f"{root}/cat/1.jpg")


def test_a_file_that_is_replaced_has_another_size_and_time(root):
    storage.write_whole(f"{root}/list.csv", b"one")
    size, time = storage.size_and_time(f"{root}/list.csv")
    storage.write_whole(f"{root}/list.csv", b"other")
    assert (storage.read_bytes(f"{root}/list.csv"), size) == (b"other", 3)
    assert storage.size_and_time(f"{root}/list.csv")[1] > time > 0
    assert storage.files_like(f"{root}/*") == [f"{root}/list.csv"]


def test_what_is_not_there_is_an_os_error(root):
    with pytest.raises(OSError, match="nothing"):
        storage.read_bytes(f"{root}/nothing.jpg")
    with pytest.raises(OSError, match="set"):
        storage.folders_in(root)


@pytest.mark.parametrize("scheme", ["nosuch", "abfs"])
def test_a_scheme_that_nothing_opens_says_what_is_missing(scheme):
    with pytest.raises(OSError, match=f"neither TensorFlow nor fsspec opens {scheme}://"):
        storage.read_bytes(f"{scheme}://bucket/1.jpg")
