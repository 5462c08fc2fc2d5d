"""Shards on disk: when they end, how many stay, and what a dead process leaves."""

import os
import resource
import signal
import subprocess
import sys
import textwrap

import pytest

from serving.prediction_log.settings import PredictionLogSettings
from serving.prediction_log.shard import PARTIAL, Shard, recover_shards
from serving.prediction_log.shard_folder import ShardFolder
from serving.prediction_log.tfrecord import read_records

KIBIBYTE = 1 / 1024


def folder_of(path, **settings):
    made = ShardFolder(path, PredictionLogSettings(folder=str(path), **settings))
    made.open()
    return made


def finished(path):
    return sorted(path.glob("*.tfrecord")) + sorted(path.glob("*.tfrecord.gz"))


def contents(path):
    return [record for file in finished(path) for record in read_records(file)]


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_shard_that_is_large_enough_ends_and_the_next_begins(tmp_path, compression):
    folder = folder_of(tmp_path, shard_megabytes=KIBIBYTE, compression=compression)
    records = [os.urandom(400) for _ in range(7)]
    for record in records:
        folder.append(record)
    folder.finish()

    assert len(finished(tmp_path)) == 4
    assert sorted(contents(tmp_path)) == sorted(records)
    assert not list(tmp_path.glob(f"*{PARTIAL}"))


def test_a_shard_that_is_old_enough_ends(tmp_path):
    folder = folder_of(tmp_path, shard_minutes=1e-6)
    folder.append(b"old")
    while folder.seconds_until_old():
        pass
    folder.tidy()

    assert contents(tmp_path) == [b"old"]


def test_the_oldest_shards_go_when_the_disk_is_used_up(tmp_path):
    folder = folder_of(tmp_path, shard_megabytes=KIBIBYTE, max_megabytes=4 * KIBIBYTE)
    for number in range(20):
        folder.append(bytes([number]) * 900)
        # Names and times have a grain; shards of one test are made within it.
        for age, file in enumerate(sorted(finished(tmp_path), key=lambda file: next(read_records(file)), reverse=True)):
            os.utime(file, (1e9 - age, 1e9 - age))
    folder.finish()

    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 4 * 1024
    assert sorted({record[0] for record in contents(tmp_path)}) == [16, 17, 18, 19]
    assert folder.deleted == 16


def test_shards_are_kept_for_so_many_days(tmp_path):
    folder = folder_of(tmp_path, keep_days=1)
    folder.append(b"old")
    folder.finish()
    os.utime(finished(tmp_path)[0], (1e9, 1e9))
    folder.append(b"new")
    folder.finish()
    folder.tidy()

    assert contents(tmp_path) == [b"new"]


def test_images_of_clients_are_for_this_user_alone(tmp_path):
    folder = folder_of(tmp_path / "log")
    folder.append(b"private")

    assert (tmp_path / "log").stat().st_mode & 0o077 == 0
    assert next((tmp_path / "log").iterdir()).stat().st_mode & 0o077 == 0


def test_a_record_larger_than_the_disk_may_hold_is_refused(tmp_path):
    folder = folder_of(tmp_path, shard_megabytes=KIBIBYTE, max_megabytes=KIBIBYTE)

    with pytest.raises(ValueError, match="max_megabytes"):
        folder.append(b"x" * 2000)


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_full_disk_leaves_whole_records_and_the_shard_goes_on_when_there_is_room(tmp_path, compression):
    folder = folder_of(tmp_path, compression=compression)
    folder.append(os.urandom(1000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel then writes a part and refuses the rest, as a full disk does.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            folder.append(os.urandom(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    folder.append(b"after")
    folder.finish()

    first, second = contents(tmp_path)
    assert (len(first), second) == (1000, b"after")


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_shard_whose_writer_was_killed_is_finished_by_the_next_start(tmp_path, compression):
    script = textwrap.dedent(f"""
        import os, sys
        from pathlib import Path
        from serving.prediction_log.shard import Shard
        shard = Shard(Path({str(tmp_path)!r}), compress={compression == "gzip"})
        for number in range(5):
            shard.append(b"record %d" % number * 30)
        with shard.path.open("ab") as file:  # killed within the sixth
            file.write(shard.path.read_bytes()[:20])
        os.kill(os.getpid(), {int(signal.SIGKILL)})
    """)
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == -signal.SIGKILL
    assert finished(tmp_path) == []

    folder_of(tmp_path)

    assert contents(tmp_path) == [b"record %d" % number * 30 for number in range(5)]
    assert not list(tmp_path.glob(f"*{PARTIAL}"))


def test_a_shard_that_another_gateway_is_writing_is_left_alone(tmp_path):
    shard = Shard(tmp_path, compress=False)
    shard.append(b"first")

    assert recover_shards(tmp_path) == []
    shard.append(b"second")
    assert shard.finish() is not None
    assert contents(tmp_path) == [b"first", b"second"]


def test_an_empty_shard_leaves_nothing(tmp_path):
    assert Shard(tmp_path, compress=False).finish() is None
    Shard(tmp_path, compress=False)  # forgotten without a record, and without its lock once it is collected

    assert finished(tmp_path) == []
