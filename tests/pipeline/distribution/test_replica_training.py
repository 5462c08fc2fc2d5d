"""One device, two devices and two processes train the same network to the same weights."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from darkroom.errors import ConfigurationError
from pipeline.distribution.cluster import local_clusters
from pipeline.distribution.job import Job
from pipeline.distribution.processes import run_job
from pipeline.distribution.replica_training import trained_in_replicas
from tests.pipeline.distribution.tiny import result

ROOT = Path(__file__).resolve().parents[3]
TRAIN = "import json, sys; from tests.pipeline.distribution.tiny import train; [*map(train, json.loads(sys.argv[1]))]"


def train_alone(folder, sections):
    """In a process of its own, since a CPU can be split only before TensorFlow computes."""
    arguments = [{"section": section, "folder": str(folder), "name": name} for name, section in sections.items()]
    subprocess.run((sys.executable, "-c", TRAIN, json.dumps(arguments)), check=True, cwd=ROOT)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    train_alone(folder, {"mirrored": {"strategy": "mirrored", "virtual_devices": 2}, "one": {}})
    argument = {"section": {"strategy": "multi_worker"}, "folder": str(folder), "name": "workers"}
    run_job(Job(function="tests.pipeline.distribution.tiny.train", argument=argument, threads=1), local_clusters(2))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("name", "worker"), [("mirrored", 0), ("workers", 0), ("workers", 1)])
def test_several_replicas_train_as_one_does(trained, name, worker):
    """With an uneven last step, sample weights, clipped gradients, regularization and batch norm over all replicas."""
    history, weights = result(trained, "one")
    other_history, other_weights = result(trained, name, worker)
    assert other_history.keys() == history.keys() == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for metric, values in history.items():
        assert np.allclose(other_history[metric], values, rtol=0, atol=1e-5), metric
    for one, other in zip(weights, other_weights, strict=True):
        assert np.allclose(one, other, rtol=0, atol=1e-5)


def test_one_replica_keeps_keras_as_it_is():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    kind = type(model)
    with trained_in_replicas(model, tf.distribute.get_strategy(), batch_size=4):
        assert type(model) is kind


class OwnStep(keras.Model):
    def train_step(self, data):
        return {}


class TwoReplicas:
    """As much of a strategy as is looked at before training."""

    num_replicas_in_sync = 2


@pytest.mark.parametrize(
    ("kind", "steps", "message"),
    [(OwnStep, 1, "OwnStep has a train_step of its own"), (keras.Model, 4, "steps_per_execution is 4")],
)
def test_what_cannot_run_in_replicas_is_refused(kind, steps, message):
    pixels = keras.Input((2,))
    model = kind(pixels, keras.layers.Dense(1)(pixels))
    model.compile("sgd", "mse", steps_per_execution=steps)
    with pytest.raises(ConfigurationError, match=message), trained_in_replicas(model, TwoReplicas(), batch_size=4):
        pass


def test_the_model_is_itself_again_afterwards():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    kind = type(model)
    with trained_in_replicas(model, TwoReplicas(), batch_size=4):
        assert type(model) is not kind
    assert type(model) is kind
    model.fit(np.zeros((4, 2)), np.zeros((4, 1)), verbose=0)


@pytest.mark.parametrize(("trainable", "kept"), [(True, 2), (False, 0)])
def test_frozen_layers_are_not_exchanged(trainable, kept):
    norm = keras.layers.BatchNormalization(trainable=trainable)
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(3, trainable=False), norm, keras.layers.Dropout(0.5)]
    )
    model.compile("sgd", "mse")
    with trained_in_replicas(model, TwoReplicas(), batch_size=4):
        assert len(model._statistics()) == kept
