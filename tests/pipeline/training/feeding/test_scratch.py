"""Folders that processes share, and that none of them leaves behind."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from darkroom.errors import ConfigurationError
from pipeline.training.feeding.scratch import scratch_folder, scratch_root

ROOT = Path(__file__).parents[4]
HOLD = """
import sys
from pathlib import Path
from pipeline.training.feeding.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1]), sys.argv[2], lambda folder: (folder / "file").write_text("theirs")):
    print("held", flush=True)
    sys.stdin.read()
"""


def write(folder):
    (folder / "file").write_text("mine")


def never(folder):
    raise AssertionError("written again")


class Holder:
    """A process that holds a folder until it is told to end, or is killed."""

    def __init__(self, root, name):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(root), name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "held\n"

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def end(self):
        self.process.communicate()


def test_it_is_removed_at_the_end(tmp_path):
    with scratch_folder(tmp_path, "one", write) as folder:
        assert (folder / "file").read_text() == "mine"
    assert list(tmp_path.iterdir()) == []


def test_it_is_removed_when_writing_fails(tmp_path):
    def fail(folder):
        write(folder)
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"), scratch_folder(tmp_path, "one", fail):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_used_again(tmp_path):
    Holder(tmp_path, "one").kill()
    with scratch_folder(tmp_path, "one", never) as folder:
        assert (folder / "file").read_text() == "theirs"
    assert list(tmp_path.iterdir()) == []


def test_what_was_left_half_written_is_written_anew(tmp_path):
    with scratch_folder(tmp_path, "one", write) as folder:
        name = folder.name
    (tmp_path / name).mkdir()
    (tmp_path / name / "half").touch()
    with scratch_folder(tmp_path, "one", write) as folder:
        assert not (folder / "half").exists()
        assert (folder / "file").read_text() == "mine"


def test_what_was_left_under_another_name_is_removed(tmp_path):
    (tmp_path / "not mine.lock").touch()
    (tmp_path / "not mine").mkdir()
    Holder(tmp_path, "one").kill()
    with scratch_folder(tmp_path, "two", write) as folder:
        assert sorted(tmp_path.iterdir()) == sorted(
            [folder, folder.with_name(f"{folder.name}.lock"), tmp_path / "not mine", tmp_path / "not mine.lock"]
        )


def test_the_last_who_uses_it_removes_it(tmp_path):
    other = Holder(tmp_path, "one")
    with scratch_folder(tmp_path, "one", never):
        pass
    assert len(list(tmp_path.iterdir())) == 2
    # Somebody else's folder is in use too, and stays.
    with scratch_folder(tmp_path, "two", write):
        pass
    assert len(list(tmp_path.iterdir())) == 2
    other.end()
    assert list(tmp_path.iterdir()) == []


def test_two_who_come_at_once_write_it_once(tmp_path):
    written, both = [], threading.Barrier(4)

    def use():
        both.wait()
        with scratch_folder(tmp_path, "one", lambda folder: written.append(write(folder))):
            both.wait()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_refused_by_name(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"scratch_folder .*/file/folder cannot be made: Not a directory"):
        scratch_root(str(tmp_path / "file" / "folder"))


def test_without_a_configured_folder_it_is_one_that_nobody_else_can_read(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert scratch_root(None).stat().st_mode & 0o777 == 0o700
