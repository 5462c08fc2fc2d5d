"""The network that a run trains: built or the user's own, with weights, optimizer and loss."""

from __future__ import annotations

import keras

from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline.models.network import Network, build_network, network_of
from pipeline.models.output_check import check_loss, check_model
from pipeline.models.weights import load_weights
from pipeline.training.losses import build_loss
from pipeline.training.metrics.of_training import training_metrics
from pipeline.training.optimizers import build_optimizer
from pipeline.training.options import TrainerOptions


def make_network(options: TrainerOptions, task: Task, n_classes: int) -> Network:
    """The network with its starting weights, checked against the task.

    Raises:
        ConfigurationError: it does not take these images, does not fit the task, or the weights do not fit it.
    """
    shape = options.preprocessing.pixel_shape
    build = options.own_code.hook("build_model") if options.own_code else None
    if build is None:
        network, maker = build_network(options.model, shape, task, n_classes), "Darkroom"
    else:
        maker = f"{options.own_code.module}.build_model" if options.own_code else ""
        built = build({"main": shape}, n_classes)
        check_model(built, shape, task, n_classes, maker)
        network = network_of(built)
    check_model(network.model, shape, task, n_classes, maker)
    if options.weights is not None:
        if network.base is None:
            raise ConfigurationError(
                f"model.weights {options.weights.name} go into the layer named 'base', and the model of {maker} has "
                "none; name the part below the head so, as keras.Model(..., name='base'), or load weights yourself"
            )
        load_weights(network.base, options.model.architecture, options.weights)
    return network


def compile_network(
    network: Network,
    options: TrainerOptions,
    task: Task,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
) -> None:
    """Gives the network its optimizer, loss and metrics, by configuration or by the user's `compile_model`.

    Raises:
        ConfigurationError: the loss does not fit the task and the last layer, or a metric the task.
    """
    hook = options.own_code.hook("compile_model") if options.own_code else None
    model = network.model
    if hook is None:
        model.compile(
            optimizer=build_optimizer(options.training.optimizer, learning_rate),
            loss=build_loss(task, options.training, model),
            metrics=training_metrics(task, options.training, model, options.own_code),
            jit_compile="auto" if options.training.jit_compile is None else options.training.jit_compile,
        )
        return
    maker = f"{options.own_code.module}.compile_model" if options.own_code else ""
    if options.training.metrics:
        raise ConfigurationError(
            f"training.metrics lists {', '.join(options.training.metrics)}, but {maker} compiles the model with "
            "metrics of its own; name them in one place"
        )
    returned = hook(model)
    if returned is not None and returned is not model:
        raise ConfigurationError(f"{maker} must compile the model it is given and return it, or return nothing")
    check_loss(model, task, maker)
