import keras
import pytest

from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline.models.output_check import check_loss, check_model

SHAPE = (8, 8, 3)


def network(units, activation=None, shape=SHAPE):
    pixels = keras.Input(shape)
    return keras.Model(pixels, keras.layers.Dense(units, activation)(keras.layers.Flatten()(pixels)))


@pytest.mark.parametrize(
    ("task", "units", "activation"),
    [
        (Task.MULTICLASS, 5, "softmax"),
        (Task.MULTICLASS, 5, None),
        (Task.BINARY, 1, "sigmoid"),
        (Task.BINARY, 2, "softmax"),
        (Task.REGRESSION, 1, None),
    ],
)
def test_what_fits(task, units, activation):
    check_model(network(units, activation), SHAPE, task, 2 if task is Task.BINARY else 5, "mine")


@pytest.mark.parametrize(
    ("task", "units", "activation", "message"),
    [
        (Task.MULTICLASS, 4, "softmax", "needs a last layer of 5 units with softmax .* that of mine has 4 units"),
        (Task.MULTICLASS, 5, "sigmoid", "has 5 units with sigmoid"),
        (Task.BINARY, 2, "sigmoid", "1 unit with sigmoid or 2 units with softmax"),
        (Task.REGRESSION, 1, "relu", "1 unit with linear; that of mine has 1 unit with relu"),
    ],
)
def test_what_does_not(task, units, activation, message):
    with pytest.raises(ConfigurationError, match=message):
        check_model(network(units, activation), SHAPE, task, 5, "mine")


def test_other_inputs_are_refused():
    with pytest.raises(ConfigurationError, match=r"for input \(None, 9, 9, 3\), but preprocessing gives .*8, 8, 3"):
        check_model(network(5, "softmax", (9, 9, 3)), SHAPE, Task.MULTICLASS, 5, "mine")


def test_something_else_than_a_model_is_refused():
    with pytest.raises(ConfigurationError, match=r"must return a keras.Model, but returned NoneType"):
        check_model(None, SHAPE, Task.MULTICLASS, 5, "mine")


@pytest.mark.parametrize(
    ("units", "activation", "loss"),
    [
        (5, "softmax", "sparse_categorical_crossentropy"),
        (5, None, keras.losses.CategoricalCrossentropy(from_logits=True)),
        (1, "sigmoid", "binary_crossentropy"),
        (5, "softmax", keras.losses.KLDivergence()),
    ],
)
def test_losses_that_fit(units, activation, loss):
    model = network(units, activation)
    model.compile(loss=loss)
    check_loss(model, Task.BINARY if units == 1 else Task.MULTICLASS, "mine")


@pytest.mark.parametrize(
    ("task", "units", "activation", "loss", "message"),
    [
        (Task.MULTICLASS, 5, "softmax", "binary_crossentropy", "5 units; sparse_categorical_crossentropy or"),
        (Task.BINARY, 1, "sigmoid", "categorical_crossentropy", "1 unit; binary_crossentropy fits it"),
        (Task.MULTICLASS, 5, None, "sparse_categorical_crossentropy", "gives logits .* set from_logits to True"),
        (Task.REGRESSION, 1, None, "binary_crossentropy", "which is for classes, but the task is regression"),
    ],
)
def test_losses_that_do_not(task, units, activation, loss, message):
    model = network(units, activation)
    model.compile(loss=loss)
    with pytest.raises(ConfigurationError, match=message):
        check_loss(model, task, "mine")


def test_a_model_that_is_not_compiled():
    with pytest.raises(ConfigurationError, match="mine must compile the model"):
        check_loss(network(5, "softmax"), Task.MULTICLASS, "mine")
