"""The Trainer's entry point: TFX calls `run_fn` with the paths of its inputs and outputs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import tensorflow as tf

from darkroom.configuration.export_section import ExportSection
from darkroom.errors import ConfigurationError
from pipeline.distribution.cluster import clusters_to_start
from pipeline.distribution.job import Job
from pipeline.distribution.launcher import launcher
from pipeline.distribution.machine import job_for
from pipeline.distribution.processes import in_own_processes, run_job
from pipeline.distribution.shares import place_of
from pipeline.distribution.strategy import make_strategy
from pipeline.export.choice import choose, sample_pixels
from pipeline.export.frozen import FrozenNetwork
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.model_description import BASELINE_KEY, DESCRIPTION_FILE, NETWORK_FILE, PREPROCESSING_FOLDER
from pipeline.models.domain import Domain, save_domain
from pipeline.models.network import Network
from pipeline.models.predictor import predictor, save_network
from pipeline.training.baseline import measure_baseline
from pipeline.training.description import model_description
from pipeline.training.fit import fit
from pipeline.training.from_scratch import fallback_store
from pipeline.training.inputs import TrainingInputs
from pipeline.training.options import EXPORT_KEY, OPTIONS_KEY, STATE_ROOT_KEY, TrainerOptions
from pipeline.training.servable import ServableModel
from pipeline.training.servable_classifier import ServableClassifier
from pipeline.training.servable_regressor import ServableRegressor
from pipeline.training.state.store import StateStore
from pipeline.training.warm_start import save_optimizer
from pipeline.tuning.values import values_of
from preprocessing.graph import PreprocessingGraph
from preprocessing.saved import save_preprocessing

# This module's own, in the processes of workers.
_TRAIN = "pipeline.training.run.train"

_STATE_NAME_LENGTH = 16

# What is used of TFX's FnArgs.
_ARGUMENTS = (
    "train_files",
    "eval_files",
    "transform_output",
    "base_model",
    "hyperparameters",
    "serving_model_dir",
    "model_run_dir",
    "custom_config",
)


def run_fn(fn_args: Any) -> None:
    """Trains and exports, in this process, in those that `training.distribution` asks for, or in a cluster's pods.

    Args:
        fn_args: TFX's FnArgs: `train_files`, `eval_files`, `transform_output`, `base_model` (the latest blessed model,
            for a warm start), `hyperparameters` (the Tuner's best, in place of the options' own values),
            `serving_model_dir`, `model_run_dir`, `custom_config` with the options as JSON.
    """
    arguments = {name: getattr(fn_args, name) for name in _ARGUMENTS}
    section = _options(arguments).training.distribution
    elsewhere = launcher()
    if elsewhere is not None and section.strategy == "multi_worker" and section.workers is None:
        elsewhere.run(Job(function=_TRAIN, argument=arguments))
    elif in_own_processes(section):
        run_job(job_for(_TRAIN, arguments, section), clusters_to_start(section))
    else:
        train(arguments)


def train(arguments: dict[str, Any]) -> None:
    """Trains, and exports if this process is the chief.

    Args:
        arguments: the attributes of FnArgs that `run_fn` names, as JSON.
    """
    options = _options(arguments)
    # Before anything that computes.
    strategy = make_strategy(options.training.distribution)
    chief = place_of(strategy).worker == 0
    fn_args = SimpleNamespace(**arguments)
    inputs = TrainingInputs.read(arguments, options.preprocessing)
    facts, graph = inputs.facts, inputs.graph
    if chief:
        save_preprocessing(graph, os.path.join(fn_args.model_run_dir, PREPROCESSING_FOLDER))
    options = options.going_on_from(fn_args.base_model)
    store = _state_store(fn_args.custom_config.get(STATE_ROOT_KEY), options, facts, graph)
    if store is not None and not chief:
        store = dataclasses.replace(store, writes=False)
    run_folder = fn_args.model_run_dir if chief else None
    result = fit(
        options,
        graph,
        inputs.train,
        inputs.evaluation,
        facts=facts,
        store=store,
        strategy=strategy,
        run_folder=run_folder,
    )
    if not chief:
        return
    description = model_description(options, facts, graph, result)
    model = result.network.model
    exported = predictor(model, result.task)
    description[BASELINE_KEY] = measure_baseline(graph, exported, result.task, facts.labels, inputs.evaluation)
    section = ExportSection.model_validate_json(fn_args.custom_config.get(EXPORT_KEY, "{}"))
    served = choose(exported, section, sample_pixels(graph, inputs.evaluation))
    description["export"] = served.facts
    _servable(graph, served.network, facts, description).save(fn_args.serving_model_dir)
    _write_assets(fn_args.serving_model_dir, model, description)
    _write_json(os.path.join(fn_args.model_run_dir, "history.json"), result.history)
    if options.training.keep_optimizer:
        save_optimizer(model, fn_args.serving_model_dir)
    if options.domain_folder is not None:
        _save_domain(options, facts, graph, result.network)
    if store is not None:
        store.clear()
        fallback_store(store).clear()


def _options(arguments: dict[str, Any]) -> TrainerOptions:
    options = TrainerOptions.model_validate_json(arguments["custom_config"][OPTIONS_KEY])
    found = arguments.get("hyperparameters")
    return options if found is None else options.with_values(values_of(found))


def _servable(
    graph: PreprocessingGraph, exported: keras.Model | FrozenNetwork, facts: DatasetFacts, description: dict[str, Any]
) -> ServableModel:
    if facts.task.has_classes:
        return ServableClassifier(graph, exported, facts.labels, description)
    return ServableRegressor(graph, exported, description)


def _state_store(
    root: str | None, options: TrainerOptions, facts: DatasetFacts, graph: PreprocessingGraph
) -> StateStore | None:
    """A folder that the next run finds again if it trains the same thing: TFX gives each run new ones of its own."""
    if root is None:
        return None
    trained = options.model_dump(mode="json")
    # How long a session may take and how often it saves changes nothing about what is trained.
    for key in ("max_minutes", "checkpoint", "tensorboard"):
        trained["training"].pop(key)
    subject = json.dumps([trained, facts.model_dump(mode="json"), graph.version], sort_keys=True)
    return StateStore(os.path.join(root, hashlib.sha256(subject.encode()).hexdigest()[:_STATE_NAME_LENGTH]))


def _save_domain(options: TrainerOptions, facts: DatasetFacts, graph: PreprocessingGraph, network: Network) -> None:
    """Keeps the base for the next task.

    Raises:
        ConfigurationError: the model has no base.
    """
    if network.base is None or options.domain_folder is None:
        raise ConfigurationError(
            "training.save_domain keeps the base, but the model has no layer named 'base'; name the part "
            "below the head so"
        )
    domain = Domain(
        architecture=options.model.architecture,
        scaling=graph.spec.scaling,
        preprocessing_version=graph.version,
        labels=facts.labels,
    )
    save_domain(network.base, domain, Path(options.domain_folder))


def _write_assets(model_dir: str, model: keras.Model, description: dict[str, Any]) -> None:
    assets_extra = os.path.join(model_dir, "assets.extra")
    tf.io.gfile.makedirs(assets_extra)
    save_network(model, os.path.join(assets_extra, NETWORK_FILE))
    _write_json(os.path.join(assets_extra, DESCRIPTION_FILE), description)


def _write_json(path: str, value: Any) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(value, indent=2) + "\n")
