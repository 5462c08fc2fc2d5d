"""Pushes to a file system whose renames are not atomic: TensorFlow's `ram://`."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from darkroom.errors import DarkroomError
from pipeline.pusher import object_store
from pipeline.pusher.object_store import CLAIMS_FOLDER, push_to_object_store
from serving.model_repository.object_storage import ObjectStorage
from serving.model_repository.storage import complete_versions, numbered_folders


class Recorded(ObjectStorage):
    """Knows in which order things were written, and can fail."""

    def __init__(self):
        super().__init__(f"ram://{uuid.uuid4().hex}/models")
        self.written = []
        self.fail_at = None

    def write(self, name, content):
        if self.fail_at is not None and name.endswith(self.fail_at):
            raise OSError("the network is gone")
        self.written.append(name)
        super().write(name, content)


@pytest.fixture
def storage():
    return Recorded()


@pytest.fixture
def model(tmp_path):
    for name in ("saved_model.pb", "variables/variables.index", "zebra", "assets.extra/darkroom.json"):
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_text(name)
    return tmp_path / "model"


def test_a_push_writes_every_file_and_the_graph_last(storage, model):
    version = push_to_object_store(model, storage, "pets")
    assert complete_versions(storage, "pets") == [version]
    assert storage.written[-1] == f"pets/{version}/saved_model.pb"
    assert storage.read(f"pets/{version}/variables/variables.index") == b"variables/variables.index"
    assert storage.names(f"pets/{CLAIMS_FOLDER}/{version}") == []


def test_versions_grow_within_one_second_and_above_deleted_ones(storage, model):
    first = push_to_object_store(model, storage, "pets", above=2**40)
    assert first == 2**40 + 1
    assert push_to_object_store(model, storage, "pets") == first + 1


def test_an_upload_that_fails_leaves_nothing_that_loads_and_its_version_is_not_taken_again(storage, model):
    storage.fail_at = "zebra"
    with pytest.raises(DarkroomError, match=r"Cannot push to ram://.*the network is gone"):
        push_to_object_store(model, storage, "pets", above=2**40)
    assert complete_versions(storage, "pets") == []
    assert numbered_folders(storage, "pets") == [2**40 + 1]
    storage.fail_at = None
    assert push_to_object_store(model, storage, "pets") == 2**40 + 2


def test_what_a_crash_left_is_deleted_when_it_is_old(storage, model, monkeypatch):
    storage.write("pets/7/variables/variables.index", b"x")
    storage.write(f"pets/{CLAIMS_FOLDER}/7/dead", b"1.0")
    storage.write("pets/8/variables/variables.index", b"x")
    storage.write(f"pets/{CLAIMS_FOLDER}/8/alive", b"9999999999.0")
    version = push_to_object_store(model, storage, "pets")
    assert numbered_folders(storage, "pets") == [8, version]
    assert storage.names(f"pets/{CLAIMS_FOLDER}/7") == []


def test_pushes_at_once_all_arrive(storage, model):
    with ThreadPoolExecutor(4) as pool:
        pushed = list(pool.map(lambda _: push_to_object_store(model, storage, "pets"), range(8)))
    assert len(set(pushed)) == 8
    assert complete_versions(storage, "pets") == sorted(pushed)


def test_a_version_that_others_keep_taking_is_given_up(storage, model, monkeypatch):
    monkeypatch.setattr(object_store.Claim, "take", lambda self, content: False)
    with pytest.raises(DarkroomError, match="other pushes kept taking"):
        push_to_object_store(model, storage, "pets")
