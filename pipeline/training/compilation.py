"""The network that a run trains: built or the user's own, with weights, optimizer and loss."""

from __future__ import annotations

import keras

from darkroom.errors import ConfigurationError
from pipeline.features import TRAIN_SPLIT
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.models.network import Network, build_network, network_of
from pipeline.models.output_check import check_loss, check_model
from pipeline.models.target_scale import TargetScale
from pipeline.models.weights import load_weights
from pipeline.training.losses import build_loss
from pipeline.training.metrics.of_training import training_metrics
from pipeline.training.optimizers import build_optimizer
from pipeline.training.options import TrainerOptions


def make_network(options: TrainerOptions, facts: DatasetFacts) -> Network:
    """The network with its starting weights, checked against the data set's task.

    Raises:
        ConfigurationError: it does not take these images, does not fit the task, or the weights do not fit it.
    """
    shape, task = options.preprocessing.pixel_shape, facts.task
    # What the user's `build_model` is told of a regression is the width of its last layer.
    n_classes = len(facts.labels) if task.has_classes else 1
    build = options.own_code.hook("build_model") if options.own_code else None
    if build is None:
        network, maker = build_network(options.model, shape, task, n_classes, target_scale(facts)), "Darkroom"
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
    facts: DatasetFacts,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
) -> None:
    """Gives the network its optimizer, its loss and metrics for these data, by configuration or by `compile_model`.

    Raises:
        ConfigurationError: the loss does not fit the task and the last layer, or a metric the task.
    """
    hook = options.own_code.hook("compile_model") if options.own_code else None
    model = network.model
    if hook is None:
        model.compile(
            optimizer=build_optimizer(options.training.optimizer, learning_rate),
            loss=build_loss(facts.task, options.training, model, target_scale(facts)),
            metrics=training_metrics(facts.task, options.training, model, options.own_code),
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
    check_loss(model, facts.task, maker)


def target_scale(facts: DatasetFacts) -> TargetScale | None:
    """Of a regression's training split; None for classes."""
    found = facts.targets.get(TRAIN_SPLIT)
    if found is None:
        return None
    return TargetScale(found.mean, found.deviation or 1.0)
