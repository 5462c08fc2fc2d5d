"""What a trained network is exported as."""

from __future__ import annotations

import keras

from darkroom.task import Task
from pipeline.models.output_check import LINEAR, SIGMOID, SOFTMAX, output_activation


def predictor(model: keras.Model, task: Task) -> keras.Model:
    """The network with probabilities as its output; one that was trained on logits gets the activation they stand for.

    Args:
        model: `[N, H, W, C]` to the prediction; shares its weights with what is returned.
        task: regression stays as it is.
    """
    if task is Task.REGRESSION or output_activation(model) != LINEAR:
        return model
    activation = SIGMOID if int(model.output_shape[-1]) == 1 else SOFTMAX
    output = keras.layers.Activation(activation, dtype="float32", name="probabilities_of_logits")(model.output)
    return keras.Model(model.input, output, name=model.name)


def save_network(model: keras.Model, path: str) -> None:
    """Writes the network as a `.keras` file, without its optimizer's state."""
    # A new model over the same layers is not compiled, so there is no state to save.
    keras.Model(model.input, model.output, name=model.name).save(path)
