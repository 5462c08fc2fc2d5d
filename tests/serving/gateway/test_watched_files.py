"""Noticing that files have changed."""

import asyncio
import os

import pytest

from darkroom.errors import ConfigurationError
from serving.gateway.watched_files import WatchedFiles, watch_files


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_text("1")
    return path


def check(files, times=2):
    """A change is taken up by the second look that sees it."""
    for _ in range(times):
        files.check()


def watch(path):
    loaded = []

    def load():
        if not path.exists():
            raise ConfigurationError("it is gone")
        loaded.append(path.read_text())

    return WatchedFiles("files", [path], load, None), loaded


def test_files_are_read_again_when_they_change_and_only_then(path):
    files, loaded = watch(path)
    check(files)
    assert loaded == ["1"]
    path.write_text("22")
    check(files, 4)

    assert loaded == ["1", "22"]


def test_a_file_of_the_same_size_and_time_is_still_another_one(path):
    files, loaded = watch(path)
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    other = path.with_name("other")
    other.write_text("2")
    os.utime(other, ns=times)
    other.replace(path)
    check(files)

    assert loaded == ["1", "2"]


def test_a_change_while_the_files_are_read_is_not_missed(path):
    loaded = []

    def load():
        loaded.append(path.read_text())
        if loaded == ["1"]:
            path.write_text("22")

    files = WatchedFiles("files", [path], load, None)
    check(files)

    assert loaded == ["1", "22"]


def test_a_file_that_is_still_being_written_is_left_alone(path):
    files, loaded = watch(path)
    for text in ("2", "23", "234"):
        path.write_text(text)
        files.check()
    assert loaded == ["1"]
    files.check()

    assert loaded == ["1", "234"]


def test_a_failure_is_said_once_for_each_change(path, caplog):
    files, loaded = watch(path)
    path.unlink()
    check(files, 4)
    path.write_text("3")
    check(files)

    assert loaded == ["1", "3"]
    assert [record.levelname for record in caplog.records].count("ERROR") == 1


def test_files_that_are_wrong_at_the_start_are_an_error(path):
    path.unlink()
    with pytest.raises(ConfigurationError, match="gone"):
        watch(path)


def test_without_a_time_files_are_looked_at_when_told(path):
    files, loaded = watch(path)

    async def run():
        told = asyncio.Event()
        watching = asyncio.create_task(watch_files([files], 0, told))
        path.write_text("22")
        told.set()
        while loaded == ["1"]:
            await asyncio.sleep(0.01)
        watching.cancel()

    asyncio.run(asyncio.wait_for(run(), 30))
    assert loaded == ["1", "22"]
