import typing

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from darkroom.configuration.optimizer_section import OptimizerName, OptimizerSection
from pipeline.training.optimizers import build_optimizer

NAMES = typing.get_args(OptimizerName)


def fitted(**options):
    """One dense layer after five steps on a fixed problem."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(build_optimizer(OptimizerSection(**options), 0.05), "mse")
    before = model.evaluate(np.eye(3), np.ones((3, 1)), verbose=0)
    model.fit(np.eye(3), np.ones((3, 1)), epochs=5, batch_size=3, verbose=0)
    return model, before, model.evaluate(np.eye(3), np.ones((3, 1)), verbose=0)


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_lowers_the_loss(name):
    _, before, after = fitted(name=name)
    assert after < before


@pytest.mark.parametrize(
    ("options", "kind", "attributes"),
    [
        ({"name": "sgd", "momentum": 0.9, "nesterov": True}, "SGD", {"momentum": 0.9, "nesterov": True}),
        ({"name": "rmsprop", "rho": 0.8}, "RMSprop", {"rho": 0.8}),
        ({"name": "amsgrad", "beta_2": 0.99}, "Adam", {"amsgrad": True, "beta_2": 0.99}),
        ({"name": "adam"}, "Adam", {"amsgrad": False, "weight_decay": None, "use_ema": False}),
        ({"name": "adamw"}, "AdamW", {"weight_decay": 0.004}),
        ({"name": "lion", "weight_decay": 0.1}, "Lion", {"weight_decay": 0.1}),
        ({"clip_norm": 1.5}, "Adam", {"clipnorm": 1.5}),
        ({"global_clip_norm": 1.5}, "Adam", {"global_clipnorm": 1.5}),
        ({"clip_value": 0.5}, "Adam", {"clipvalue": 0.5}),
        ({"ema_momentum": 0.9}, "Adam", {"use_ema": True, "ema_momentum": 0.9}),
    ],
)
def test_options_arrive(options, kind, attributes):
    optimizer = build_optimizer(OptimizerSection(**options), 0.1)
    assert type(optimizer).__name__ == kind
    assert {name: getattr(optimizer, name) for name in attributes} == attributes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "adam", "momentum": 0.9}, "adam has no momentum; rmsprop, sgd have it"),
        ({"name": "sgd", "nesterov": True}, "nesterov needs a momentum"),
        ({"name": "lion", "epsilon": 1e-7}, "lion has no epsilon"),
        ({"clip_norm": 1, "clip_value": 1}, "clip_norm and clip_value exclude each other"),
    ],
)
def test_options_of_others_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        OptimizerSection(**options)


def test_decay_spares_biases_and_normalisation():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.BatchNormalization()])
    model.layers[0].bias.assign([1.0, 1.0])
    model.compile(build_optimizer(OptimizerSection(name="sgd", weight_decay=0.5), 1.0))
    kernel, bias, gamma, _ = before = [weight.numpy() for weight in model.trainable_variables]
    model.optimizer.apply([np.zeros_like(weight) for weight in before], model.trainable_variables)
    after = [weight.numpy() for weight in model.trainable_variables]
    assert np.allclose(after[0], 0.5 * kernel)
    assert np.array_equal(after[1], bias)
    assert np.array_equal(after[2], gamma)
