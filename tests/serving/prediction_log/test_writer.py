"""The thread behind the queue."""

import threading

from serving.prediction_log.settings import PredictionLogSettings
from serving.prediction_log.tfrecord import read_records
from serving.prediction_log.writer import PredictionLogWriter


def writer_in(path, **settings):
    return PredictionLogWriter(PredictionLogSettings(folder=str(path), **settings), path)


def contents(path):
    return [record for file in sorted(path.glob("*.tfrecord")) for record in read_records(file)]


def test_what_was_offered_is_written_before_it_closes(tmp_path):
    writer = writer_in(tmp_path)
    for number in range(200):
        writer.offer(10, lambda number=number: b"%d" % number)

    assert writer.close(20)
    assert contents(tmp_path) == [b"%d" % number for number in range(200)]
    assert (writer.counts.written, writer.counts.waiting_bytes) == (200, 0)


def test_what_does_not_fit_is_dropped_and_counted_at_once(tmp_path):
    writer = writer_in(tmp_path, queue_megabytes=1e-3)
    started, go_on = threading.Event(), threading.Event()

    def slow():
        started.set()
        go_on.wait(20)
        return b"slow"

    assert writer.offer(500, slow)
    assert started.wait(20)
    assert writer.offer(500, lambda: b"waits")
    assert not writer.offer(500, lambda: b"too much")
    go_on.set()
    writer.close(20)

    assert contents(tmp_path) == [b"slow", b"waits"]
    assert writer.counts.dropped == 1


def test_a_disk_that_hangs_does_not_hang_the_end(tmp_path):
    writer = writer_in(tmp_path)
    go_on = threading.Event()
    writer.offer(1, lambda: b"x" if go_on.wait(20) else b"")

    assert not writer.close(0.05)
    assert not writer.offer(1, lambda: b"too late")
    go_on.set()
    assert writer.close(20)


def test_records_that_cannot_be_written_are_counted_and_the_thread_goes_on(tmp_path, caplog):
    writer = writer_in(tmp_path, shard_megabytes=1e-3, max_megabytes=1e-3)
    for _ in range(3):
        writer.offer(2000, lambda: b"x" * 2000)
    writer.offer(4, lambda: b"fits")
    writer.close(20)

    assert (writer.counts.failed, writer.counts.written) == (3, 1)
    assert contents(tmp_path) == [b"fits"]
    assert len([line for line in caplog.messages if "max_megabytes" in line]) == 1
