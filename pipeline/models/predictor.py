"""What a trained network is exported as."""

from __future__ import annotations

import keras

from darkroom.task import Task
from pipeline.models.output_check import LINEAR, SIGMOID, SOFTMAX, output_activation


def predictor(model: keras.Model, task: Task) -> keras.Model:
    """The network with every class's probability as its output.

    One that was trained on logits gets the activation they stand for; to the one unit of a binary task, the positive
    class's probability, comes the negative one's.

    Args:
        model: `[N, H, W, C]` to the prediction; shares its weights with what is returned.
        task: regression stays as it is.

    Returns:
        `[N, H, W, C]` to `[N, K]` probabilities in id order, or a regression's values `[N, 1]`.
    """
    if task is Task.REGRESSION:
        return model
    output, units = model.outputs[0], int(model.output_shape[-1])
    if output_activation(model) == LINEAR:
        activation = SIGMOID if units == 1 else SOFTMAX
        output = keras.layers.Activation(activation, dtype="float32", name="probabilities_of_logits")(output)
    if units == 1:
        output = keras.ops.concatenate([1.0 - output, output], axis=-1)
    return model if output is model.outputs[0] else keras.Model(model.inputs[0], output, name=model.name)


def save_network(model: keras.Model, path: str) -> None:
    """Writes the network as a `.keras` file, without its optimizer's state."""
    # A new model over the same layers is not compiled, so there is no state to save.
    keras.Model(model.input, model.output, name=model.name).save(path)
