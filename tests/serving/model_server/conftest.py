from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving import models
from tests.serving.model_server.running import RunningServer, push

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture(scope="session")
def model_store(tmp_path_factory) -> Callable[[str], Path]:
    """Each kind of model, exported once."""
    folder = tmp_path_factory.mktemp("models")
    exporters = {
        "half_plus_two": models.export_half_plus_two,
        "half_plus_three": lambda path: models.export_half_plus_two(path, addend=3.0),
        "tf1_half_plus_two": models.export_tf1_half_plus_two,
        "tf1_classifier": models.export_tf1_classifier,
        "generic": models.export_generic,
        "pets": models.export_darkroom_model,
    }

    def get(kind: str) -> Path:
        path = folder / kind
        if not path.exists():
            exporters[kind](path)
        return path

    return get


@pytest.fixture(scope="session")
def server(tmp_path_factory, model_store) -> Iterator[RunningServer]:
    """One server with a model of each kind, shared by all tests that only ask."""
    from serving.model_server.settings import ModelSettings

    base = tmp_path_factory.mktemp("base")
    kinds = ("half_plus_two", "tf1_half_plus_two", "tf1_classifier", "generic", "pets")
    for kind in kinds:
        push(model_store(kind), base / kind, 123)
    settings = (ModelSettings(kind, base / kind, version_labels={"stable": 123, "gone": 9}) for kind in kinds)
    with RunningServer(*settings) as running:
        for kind in kinds:
            running.wait_available(kind, 123)
        yield running
