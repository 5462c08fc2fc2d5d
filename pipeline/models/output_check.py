"""Whether a network's last layer fits the task, told before training starts rather than by a poor model after it."""

from __future__ import annotations

from typing import Any

import keras

from darkroom.errors import ConfigurationError
from darkroom.task import Task

SOFTMAX = "softmax"
SIGMOID = "sigmoid"
LINEAR = "linear"

_CATEGORICAL = ("sparse_categorical_crossentropy", "categorical_crossentropy", "categorical_focal_crossentropy")
_BINARY = ("binary_crossentropy", "binary_focal_crossentropy")


def check_model(model: Any, pixel_shape: tuple[int, int, int], task: Task, n_classes: int, maker: str) -> None:
    """Refuses a network whose input or output does not fit.

    Args:
        model: what `maker` returned.
        pixel_shape: `(H, W, C)` of the preprocessed images.
        task: multiclass wants n_classes with softmax, or logits; binary 1 with sigmoid or 2 with softmax, or logits;
            regression 1 linear.
        n_classes: how many classes there are.
        maker: who made it, for the message.

    Raises:
        ConfigurationError: with what was found and what is wanted.
    """
    if not isinstance(model, keras.Model):
        raise ConfigurationError(f"{maker} must return a keras.Model, but returned {type(model).__name__}")
    try:
        shape_in, shape_out = model.input_shape, model.output_shape
    except (AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"{maker} must return a functional model, or a Sequential one that begins with keras.Input: {error}"
        ) from error
    if isinstance(shape_in, (list, dict)) or not _takes(shape_in, pixel_shape):
        raise ConfigurationError(
            f"{maker} returned a model for input {shape_in}, but preprocessing gives pixels of shape "
            f'{(None, *pixel_shape)}; take the shape from input_shapes["main"]'
        )
    units, activation = _units(shape_out, maker), output_activation(model)
    fitting = {
        Task.MULTICLASS: ((n_classes, SOFTMAX), (n_classes, LINEAR)),
        Task.BINARY: ((1, SIGMOID), (2, SOFTMAX), (1, LINEAR), (2, LINEAR)),
        Task.REGRESSION: ((1, LINEAR),),
    }[task]
    if (units, activation) not in fitting and not (activation is None and units in {width for width, _ in fitting}):
        wanted = " or ".join(f"{width} unit{'s' * (width != 1)} with {name}" for width, name in fitting)
        raise ConfigurationError(
            f"The task {task} with {n_classes} classes needs a last layer of {wanted}; that of {maker} has {units} "
            f"unit{'s' * (units != 1)} with {activation or 'an activation of its own'}."
        )


def check_loss(model: keras.Model, task: Task, maker: str) -> None:
    """Refuses a compiled model whose loss does not fit its last layer.

    Raises:
        ConfigurationError: not compiled, or the loss and the output are of different kinds.
    """
    if not model.compiled:
        raise ConfigurationError(f"{maker} must compile the model: model.compile(optimizer, loss, metrics)")
    kind = loss_kind(model)
    activation, units = output_activation(model), int(model.output_shape[-1])
    known = (*_CATEGORICAL, *_BINARY)
    if task is Task.REGRESSION:
        if kind in known:
            raise ConfigurationError(f"{maker} uses the loss {kind}, which is for classes, but the task is regression")
        return
    if kind not in known:
        return
    categorical = kind in _CATEGORICAL
    if categorical != (units > 1):
        wanted = "sparse_categorical_crossentropy or categorical_crossentropy" if units > 1 else "binary_crossentropy"
        raise ConfigurationError(
            f"{maker} uses the loss {kind}, but the last layer has {units} unit{'s' * (units != 1)}; {wanted} fits it"
        )
    from_logits = bool(getattr(model.loss, "from_logits", False))
    if activation is not None and from_logits != (activation == LINEAR):
        found = "logits (no activation)" if activation == LINEAR else activation
        raise ConfigurationError(
            f"{maker} uses {kind} with from_logits={from_logits}, but the last layer gives {found}; set from_logits to "
            f"{not from_logits}"
        )


def output_activation(model: keras.Model) -> str | None:
    """`softmax`, `sigmoid`, `linear`, another of Keras's names, or None when the last layer does not say."""
    last = model.layers[-1]
    if isinstance(last, keras.Model):
        return output_activation(last)
    if isinstance(last, keras.layers.Softmax):
        return SOFTMAX
    activation = getattr(last, "activation", None)
    return getattr(activation, "__name__", None)


def loss_kind(model: keras.Model) -> str:
    """The loss of a compiled model by Keras's function name, such as `sparse_categorical_crossentropy`."""
    loss = model.loss
    if isinstance(loss, str):
        return str(getattr(keras.losses.get(loss), "__name__", loss))
    return str(getattr(loss, "name", None) or getattr(loss, "__name__", type(loss).__name__))


def _takes(shape: tuple[int | None, ...], pixel_shape: tuple[int, int, int]) -> bool:
    return len(shape) == 4 and all(one in (None, other) for one, other in zip(shape[1:], pixel_shape, strict=True))


def _units(shape: Any, maker: str) -> int:
    if isinstance(shape, (list, dict)) or len(shape) != 2 or shape[1] is None:
        raise ConfigurationError(f"{maker} must have one output of shape (None, units), but has {shape}")
    return int(shape[1])
