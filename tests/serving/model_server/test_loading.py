"""What a real folder must be to be served: SavedModel, Darkroom's own check, warm-up."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from serving.errors import Code, ServingError
from serving.model_server.loader import Loader
from serving.model_server.metrics import ModelServerMetrics
from serving.model_server.tensorflow_runtime import TensorFlowRuntime
from tests.serving import models


def png(colour="red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (5, 5), colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def pets(model_store, tmp_path):
    """A copy of the Darkroom model that a test may damage."""
    return shutil.copytree(model_store("pets"), tmp_path / "1")


@pytest.fixture
def metrics():
    return ModelServerMetrics()


@pytest.fixture
def load(metrics):
    def run(path, **options):
        servable = Loader(TensorFlowRuntime(), metrics, **options).load(path)
        servable.close()

    return run


def edit(path, change) -> None:
    file = path / "assets.extra" / "darkroom.json"
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


def test_a_sound_darkroom_model_loads(pets, load, metrics):
    load(pets)
    assert f'load_attempt_count{{model_path="{pets}",status="success"}} 1' in metrics.render()


def test_a_model_without_the_file_is_not_checked(pets, load):
    (pets / "assets.extra" / "darkroom.json").unlink()
    load(pets)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["preprocessing"].update(version="1-000000000000"), "files of two models"),
        (lambda d: d["preprocessing"]["spec"].update(pad_value=7), "its spec and statistics give"),
        (lambda d: d["preprocessing"]["statistics"].update(image_count=2), "its spec and statistics give"),
        (lambda d: d["preprocessing"]["spec"].update(mode="fold"), "cannot be read"),
        (lambda d: d["preprocessing"].pop("version"), "has no preprocessing.version"),
        (lambda d: d.pop("preprocessing"), "has no preprocessing.version"),
    ],
)
def test_a_model_whose_files_disagree_is_refused(pets, load, change, words):
    edit(pets, change)
    with pytest.raises(ServingError) as caught:
        load(pets)
    assert caught.value.code is Code.FAILED_PRECONDITION
    assert words in caught.value.message
    assert str(pets) in caught.value.message


def test_a_version_of_another_op_revision_stands(pets, load):
    def older(document):
        document["preprocessing"]["op_revision"] = 0
        document["preprocessing"]["spec"]["pad_value"] = 7

    edit(pets, older)
    load(pets)


def test_a_description_that_is_no_json_is_refused(pets, load):
    (pets / "assets.extra" / "darkroom.json").write_text("{")
    with pytest.raises(ServingError, match="is not JSON"):
        load(pets)


def test_a_darkroom_file_in_another_model_is_refused(model_store, tmp_path, load):
    path = shutil.copytree(model_store("half_plus_two"), tmp_path / "1")
    shutil.copytree(model_store("pets") / "assets.extra", path / "assets.extra")
    with pytest.raises(ServingError, match="no signature 'describe'"):
        load(path)


def test_warm_up_requests_run_before_the_version_serves(pets, load, metrics):
    models.write_warmup_requests(pets, "pets", [png(), png("lime")])
    load(pets)
    assert f'model_warmup_latency_count{{model_path="{pets}",status="OK"}} 1' in metrics.render()


def test_warm_up_can_be_switched_off(pets, load, metrics):
    models.write_warmup_requests(pets, "pets", [b"not an image"])
    load(pets, enable_warmup=False)
    assert "model_warmup_latency_count" not in metrics.render()


@pytest.mark.parametrize(
    ("images", "words"),
    [([b"not an image"], "Warm-up request 1 of"), ([png()] * 1001, "exceeds the maximum (1000)")],
)
def test_a_version_that_fails_its_warm_up_is_refused(pets, load, images, words, metrics):
    models.write_warmup_requests(pets, "pets", images)
    with pytest.raises(ServingError) as caught:
        load(pets)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert words in caught.value.message
    assert 'status="INVALID_ARGUMENT"' in metrics.render()


def test_a_warm_up_file_of_other_bytes_is_refused(pets, load):
    (pets / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"garbage that is no TFRecord")
    with pytest.raises(ServingError) as caught:
        load(pets)
    assert caught.value.code is Code.DATA_LOSS


def test_a_model_exported_by_keras_answers(tmp_path):
    servable = TensorFlowRuntime().load(models.export_keras_model(tmp_path / "1"))
    signature = servable.signatures["serving_default"]
    (given,), (output,) = signature.inputs, signature.outputs
    answer = servable.run("serving_default", {given: np.float32([[1, 2, 3]])}, [output])
    assert answer[output].tolist() == [[6.0, 6.0]]
    servable.close()


def test_a_model_whose_variables_are_not_restored_is_refused(tmp_path, load):
    path = models.export_unrestorable_model(tmp_path / "1")
    with pytest.raises(ServingError) as caught:
        load(path)
    assert caught.value.code is Code.FAILED_PRECONDITION
    assert f"{path} has 2 variables that its checkpoint does not restore" in caught.value.message


@pytest.mark.parametrize("damage", ["garbage", "empty", "no variables", "truncated"])
def test_a_damaged_saved_model_is_an_error_that_names_the_folder_or_file(model_store, tmp_path, load, damage):
    path = shutil.copytree(model_store("half_plus_two"), tmp_path / "1")
    proto = path / "saved_model.pb"
    if damage == "garbage":
        proto.write_bytes(b"\xff" * 100)
    elif damage == "empty":
        proto.write_bytes(b"")
    elif damage == "truncated":
        proto.write_bytes(proto.read_bytes()[:-100])
    else:
        shutil.rmtree(path / "variables")
    with pytest.raises(ServingError) as caught:
        load(path)
    assert str(path) in caught.value.message
