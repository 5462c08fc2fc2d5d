"""Model repositories: in a folder, and in a file system without renames that are atomic."""

import json
import uuid

import pytest

from serving.model_repository.local_storage import LocalStorage


@pytest.fixture
def folder(tmp_path):
    return LocalStorage(tmp_path / "models")


@pytest.fixture
def bucket():
    from serving.model_repository.object_storage import ObjectStorage

    class Ram(ObjectStorage):
        """TensorFlow's file system in memory appends where stores replace."""

        def write(self, name, content):
            self.remove(name)
            super().write(name, content)

    return Ram(f"ram://{uuid.uuid4().hex}/models")


@pytest.fixture(params=["folder", "bucket"])
def storage(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def add():
    """Adds a complete version."""

    def add_version(storage, version, model="pets", **description):
        if description:
            storage.write(f"{model}/{version}/assets.extra/darkroom.json", json.dumps(description).encode())
        storage.write(f"{model}/{version}/saved_model.pb", b"graph")

    return add_version
