"""What a folder and a bucket both promise."""

import threading
import time

import pytest

from darkroom.errors import DarkroomError
from serving.model_repository.claim import Claim
from serving.model_repository.storage import complete_versions, models_in, numbered_folders


def test_a_file_is_replaced_as_a_whole_and_leaves_nothing_beside_it(storage):
    assert storage.read("a/file") is None
    storage.write("a/file", b"old")
    storage.write("a/file", b"new")
    assert storage.read("a/file") == b"new"
    assert storage.names("a") == ["file"]
    assert storage.names("nothing") == []


def test_a_version_is_complete_when_the_graph_is_there(storage, add):
    add(storage, 3)
    add(storage, 10)
    storage.write("pets/11/variables/variables.index", b"x")
    storage.write("pets/.pushing-1/saved_model.pb", b"x")
    assert complete_versions(storage, "pets") == [3, 10]
    assert numbered_folders(storage, "pets") == [3, 10, 11]
    assert models_in(storage) == ["pets"]


def test_a_removed_version_is_gone(storage, add):
    add(storage, 3, labels=["a"])
    add(storage, 4)
    storage.remove_version("pets/3")
    assert numbered_folders(storage, "pets") == [4]
    assert [name for name in storage.names("pets") if name != "4"] == []


def test_records_are_added_in_order(storage):
    for number in range(3):
        storage.append("log", f"record {number}".encode())
    assert storage.records("log") == [b"record 0", b"record 1", b"record 2"]


def test_a_record_after_a_torn_one_stands_on_a_line_of_its_own(folder, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "log").write_bytes(b'{"to')
    folder.append("log", b"whole")
    assert folder.records("log") == [b'{"to', b"whole"]


def test_a_lock_lets_one_in_at_a_time(storage):
    inside, most = 0, 0

    def work():
        nonlocal inside, most
        with storage.lock(".lock", 30):
            inside += 1
            most = max(most, inside)
            time.sleep(0.01)
            inside -= 1

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_lock_that_is_not_given_back_is_named(storage):
    def enter():
        with storage.lock(".lock", 0):
            pass

    with storage.lock(".lock", 1), pytest.raises(DarkroomError, match="Another command has changed"):
        enter()


def test_a_lock_in_a_bucket_whose_holder_died_is_taken_over(bucket):
    bucket.write(".lock.claims/dead", b'{"until": 1}')
    with bucket.lock(".lock", 10):
        pass
    assert bucket.names(".lock.claims") == []


def test_of_two_claims_that_meet_none_holds(bucket):
    first, second = Claim(bucket, "claims"), Claim(bucket, "claims")
    assert first.take()
    assert not second.take()
    first.give_back()
    assert second.take()
