import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from darkroom.errors import DarkroomError
from pipeline.pusher.repository import push, versions
from tests.darkroom.command import ROOT


@pytest.fixture
def model(tmp_path):
    source = tmp_path / "model"
    (source / "variables").mkdir(parents=True)
    (source / "saved_model.pb").write_bytes(b"graph")
    (source / "variables" / "variables.index").write_bytes(b"index")
    return source


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_push_is_a_complete_copy_under_a_number(model, tmp_path):
    folder = tmp_path / "models" / "digits"
    version = push(model, folder)
    assert versions(folder) == [version]
    assert contents(folder / str(version)) == contents(model)


def test_versions_grow_within_one_second(model, tmp_path):
    pushed = [push(model, tmp_path / "m") for _ in range(5)]
    assert pushed == sorted(set(pushed))


def test_versions_grow_when_the_clock_was_set_back(model, tmp_path):
    future = int(time.time()) + 1_000_000
    (tmp_path / "m" / str(future)).mkdir(parents=True)
    assert push(model, tmp_path / "m") == future + 1


def test_pushes_at_the_same_time_all_arrive(model, tmp_path):
    with ThreadPoolExecutor(8) as pool:
        pushed = list(pool.map(lambda _: push(model, tmp_path / "m"), range(40)))
    assert len(set(pushed)) == 40
    assert versions(tmp_path / "m") == sorted(pushed)


def test_staging_folders_that_a_crash_left_are_removed_by_many_pushes_at_once(model, tmp_path):
    folder = tmp_path / "m"
    two_days_ago = time.time() - 2 * 24 * 3600
    for number in range(200):
        (folder / f".pushing-{number}" / "variables").mkdir(parents=True)
        os.utime(folder / f".pushing-{number}", (two_days_ago, two_days_ago))
    with ThreadPoolExecutor(8) as pool:
        pushed = list(pool.map(lambda _: push(model, folder), range(16)))
    assert [entry.name for entry in sorted(folder.iterdir())] == [str(version) for version in sorted(pushed)]


def test_a_staging_folder_that_another_push_still_fills_is_left_alone(model, tmp_path):
    (tmp_path / "m" / ".pushing-other").mkdir(parents=True)
    push(model, tmp_path / "m")
    assert (tmp_path / "m" / ".pushing-other").is_dir()


def test_a_reader_never_sees_a_part(model, tmp_path):
    for number in range(200):
        (model / f"asset{number}").write_bytes(b"x" * 1000)
    wanted, folder = contents(model), tmp_path / "m"
    stop, partial = threading.Event(), []

    def read():
        while not stop.is_set():
            partial.extend(v for v in versions(folder) if set(contents(folder / str(v))) != set(wanted))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(5):
        push(model, folder)
    stop.set()
    reader.join()
    assert partial == []


def test_what_completes_a_model_happens_before_it_is_visible(model, tmp_path):
    folder, seen = tmp_path / "m", []

    def complete(staged):
        seen.append(versions(folder))
        (staged / "extra").write_text("more")

    version = push(model, folder, complete)
    assert seen == [[]]
    assert (folder / str(version) / "extra").read_text() == "more"


def test_an_old_staging_folder_is_removed_and_a_fresh_one_is_left_alone(model, tmp_path):
    import os

    folder = tmp_path / "m"
    for name in (".pushing-old", ".pushing-new"):
        (folder / name).mkdir(parents=True)
    os.utime(folder / ".pushing-old", (1, 1))
    push(model, folder)
    assert not (folder / ".pushing-old").exists()
    assert (folder / ".pushing-new").exists()


def test_a_repository_that_cannot_be_written_is_named(model, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DarkroomError, match=r"Cannot push to .*file/m"):
        push(model, tmp_path / "file" / "m")


def test_a_version_is_greater_than_one_that_was_deleted(model, tmp_path):
    deleted = int(time.time()) + 1_000_000
    assert push(model, tmp_path / "m", above=deleted) == deleted + 1


def test_what_a_killed_push_left_goes_with_the_next_one_and_a_living_push_keeps_its_folder(model, tmp_path):
    folder, seen = tmp_path / "m", []
    dead = folder / ".pushing-dead"
    dead.mkdir(parents=True)

    def meanwhile(staged):
        two_minutes_ago = time.time() - 120
        for path in (dead, staged):
            os.utime(path, (two_minutes_ago, two_minutes_ago))
        push(model, folder)
        seen.append((dead.exists(), staged.exists()))

    push(model, folder, meanwhile)
    assert seen == [(False, True)]
    assert all(entry.name.isdecimal() for entry in folder.iterdir())


def test_kills_leave_no_part_of_a_model(tmp_path):
    """A short form of bench/push_kills.py."""
    source, folder = tmp_path / "source", tmp_path / "m"
    source.mkdir()
    for number in range(100):
        (source / f"part-{number}").write_bytes(b"x" * 10_000)
    (source / "saved_model.pb").write_bytes(b"graph")
    wanted, said = contents(source), []
    for _ in range(8):
        with subprocess.Popen(
            [sys.executable, "bench/support/push_loop.py", str(source), str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as process:
            assert process.stdout.readline() == "ready\n"
            said.append(int(process.stdout.readline()))
            time.sleep(random.uniform(0, 0.05))  # the moment of the kill; nothing is waited for
            process.kill()
            said += map(int, process.stdout.read().split())
    assert said == sorted(set(said))
    assert set(said) <= set(versions(folder))
    assert all(contents(folder / str(version)) == wanted for version in versions(folder))
    assert all(entry.name.isdecimal() or entry.name.startswith(".pushing-") for entry in folder.iterdir())
