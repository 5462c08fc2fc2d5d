"""The exported model, asked the ways TF Serving and TFMA ask it."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline import features
from pipeline.serving_check.warmup import write_warmup_requests
from pipeline.training.servable_classifier import MAX_RANKED_CLASSES, ServableClassifier
from preprocessing.graph import PreprocessingGraph
from preprocessing.spec import PreprocessingSpec
from tests.preprocessing.made_images import jpeg_bytes, photo, png_bytes

LABELS = ("ant", "bee", "cat", "döner")


def build(labels):
    keras.utils.set_random_seed(1)
    graph = PreprocessingGraph(PreprocessingSpec(height=12, width=12, scaling="normalize"))
    pixels = keras.Input((12, 12, 3))
    hidden = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(pixels))
    output = keras.layers.Dense(len(labels), activation="softmax")(keras.layers.Flatten()(hidden))
    model = keras.Model(pixels, output)
    return graph, model, ServableClassifier(graph, model, labels, {"labels": list(labels), "task": "multiclass"})


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("model"))
    graph, model, servable = build(LABELS)
    servable.save(path)
    images = [png_bytes(photo(30, 20, seed=1)), jpeg_bytes(photo(15, 44, seed=2))]
    return path, images, model(graph(tf.constant(images))).numpy()


@pytest.fixture(scope="module")
def signatures(exported):
    loaded = tf.saved_model.load(exported[0])
    # The module owns what its signatures use; keep it as long as they are.
    yield loaded.signatures
    del loaded


def as_examples(images):
    feature = lambda data: tf.train.Feature(bytes_list=tf.train.BytesList(value=[data]))  # noqa: E731
    return tf.constant(
        [
            tf.train.Example(features=tf.train.Features(feature={features.ENCODED: feature(data)})).SerializeToString()
            for data in images
        ]
    )


def test_serving_default_ranks_the_classes(exported, signatures):
    _, images, wanted = exported
    answer = {name: tensor.numpy() for name, tensor in signatures["serving_default"](tf.constant(images)).items()}
    assert np.array_equal(answer["probabilities"], wanted)
    assert np.array_equal(answer["class_ids"], np.argsort(-wanted, axis=1, kind="stable"))
    assert [[label.decode() for label in row] for row in answer["labels"]] == [
        [LABELS[i] for i in row] for row in answer["class_ids"]
    ]


def test_serving_pixels_gives_the_same_for_preprocessed_pixels(exported, signatures):
    _, images, wanted = exported
    pixels = PreprocessingGraph(PreprocessingSpec(height=12, width=12, scaling="normalize"))(tf.constant(images))
    assert np.array_equal(signatures["serving_pixels"](pixels)["probabilities"].numpy(), wanted)


def test_preprocess_gives_the_pixels_of_the_graph(exported, signatures):
    _, images, _ = exported
    pixels = PreprocessingGraph(PreprocessingSpec(height=12, width=12, scaling="normalize"))(tf.constant(images))
    assert np.array_equal(signatures["preprocess"](tf.constant(images))["pixels"].numpy(), pixels.numpy())


def test_evaluate_and_classify_take_examples(exported, signatures):
    _, images, wanted = exported
    assert np.array_equal(signatures["evaluate"](as_examples(images))["probabilities"].numpy(), wanted)
    answer = signatures["classify"](as_examples(images))
    assert np.array_equal(answer["scores"].numpy(), wanted)
    assert [label.decode() for label in answer["classes"].numpy()[1]] == list(LABELS)


def test_describe_answers_for_each_request(signatures):
    descriptions = signatures["describe"](tf.constant([b"", b"anything"]))["description"].numpy()
    assert [json.loads(text)["labels"] for text in descriptions] == [list(LABELS)] * 2


def test_classify_has_the_method_name_that_tf_serving_wants(exported):
    from tensorflow.python.saved_model import loader_impl

    signature_defs = loader_impl.parse_saved_model(exported[0]).meta_graphs[0].signature_def
    assert signature_defs["classify"].method_name == "tensorflow/serving/classify"
    assert signature_defs["serving_default"].method_name == "tensorflow/serving/predict"


def test_a_session_loads_the_same_weights(exported):
    """TF Serving loads through a session, not through tf.saved_model.load; Keras 3 models have differed there."""
    path, images, wanted = exported
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        signature = tf.compat.v1.saved_model.load(session, ["serve"], path).signature_def["serving_default"]
        found = session.run(signature.outputs["probabilities"].name, {signature.inputs["image_bytes"].name: images})
    assert np.array_equal(found, wanted)


def test_many_classes_rank_only_the_first_hundred():
    labels = tuple(f"class{number}" for number in range(MAX_RANKED_CLASSES + 20))
    _, _, servable = build(labels)
    answer = servable.serving_default(tf.constant([png_bytes(photo(12, 12))]))
    assert answer["probabilities"].shape == (1, MAX_RANKED_CLASSES + 20)
    assert answer["labels"].shape == (1, MAX_RANKED_CLASSES)


def test_warmup_requests_are_prediction_logs(tmp_path):
    from tensorflow_serving.apis import prediction_log_pb2

    write_warmup_requests(str(tmp_path), [[b"one"], [b"one", b"two"]])
    records = tf.data.TFRecordDataset(str(tmp_path / "tf_serving_warmup_requests")).as_numpy_iterator()
    requests = [prediction_log_pb2.PredictionLog.FromString(record).predict_log.request for record in records]
    assert [tf.make_ndarray(request.inputs["image_bytes"]).tolist() for request in requests] == [
        [b"one"],
        [b"one", b"two"],
    ]
    assert {request.model_spec.signature_name for request in requests} == {"serving_default"}
