"""Training a model on each rotation of the folds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import darkroom
from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline import features
from pipeline.cross_validation.fold_files import Folds, write_folds
from pipeline.cross_validation.report import CrossValidation, FoldReport
from pipeline.distribution.processes import in_own_processes
from pipeline.evaluation.measures.answers import Answers, ClassAnswers, ValueAnswers
from pipeline.evaluation.measures.measure import Measure
from pipeline.evaluation.measures.of_task import measures_of
from pipeline.evaluation.rules import asked_measures
from pipeline.models.pixel_scaling import with_matching_scaling
from pipeline.models.predictor import predictor
from pipeline.training.fit import FitResult, fit
from pipeline.training.options import TrainerOptions
from pipeline.training.split_files import SplitFiles
from preprocessing.graph import PreprocessingGraph

_BATCH = 32


def check_cross_validation(config: DarkroomConfig) -> None:
    """Refuses what would not be a cross-validation, before anything runs.

    Raises:
        ConfigurationError: training would go on from a model that has seen the folds, or needs processes of its own.
    """
    if config.training.recipe.name == "warm_start":
        raise ConfigurationError(
            "training.recipe: warm_start goes on from a model that has trained on the images of every fold; "
            "cross-validate another recipe"
        )
    if in_own_processes(config.training.distribution):
        raise ConfigurationError(
            "training.distribution: cross-validation trains in this process; set strategy to auto or mirrored, and "
            "leave virtual_devices out"
        )


def cross_validate(
    config: DarkroomConfig,
    examples_uri: str,
    *,
    folds: int,
    scratch: Path,
    asked: Sequence[str] = (),
    on_fold: Callable[[int], None] = lambda _: None,
) -> CrossValidation:
    """Trains and judges `folds` models.

    Fold i judges model i, the one after it is watched while it trains, and the others train it; so no choice that
    training makes (the best epoch, when to stop) knows the images that judge. Everything that depends on data, channel
    statistics and class weights among it, comes from the folds that train.

    Args:
        config: the configuration, which `check_cross_validation` has let pass.
        examples_uri: of its Examples artifact.
        folds: how many.
        scratch: a folder for the folds' files, which are removed in the end.
        asked: measures that must be among those of the task.
        on_fold: called with a fold's number, from 1, before its model trains.

    Raises:
        DataError: there are too few images.
        ConfigurationError: a measure that is asked for is none of the task, and what `fit` refuses.
    """
    config = with_matching_scaling(config)
    options = TrainerOptions.from_configuration(config, darkroom.__version__)
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        dealt = write_folds(examples_uri, Path(folder), folds, config.data.near_duplicates, options.preprocessing)
        facts = dealt.facts
        wanted = asked_measures(facts.task, config.evaluation) | set(asked)
        measures = measures_of(facts.task, len(facts.labels), config.training.metric_options, sorted(wanted))
        reports = []
        for number in range(folds):
            on_fold(number + 1)
            reports.append(judge_fold(measures, options, dealt, number))
            # A network's graphs stay in Keras's state until they are told to go.
            keras.backend.clear_session()
    return CrossValidation(
        task=facts.task,
        labels=facts.labels,
        spans=facts.spans,
        images=sum(split.size for split in dealt.files),
        held_out=facts.split_size(features.TEST_SPLIT),
        folds=tuple(reports),
        notes=tuple(_notes(dealt)),
    )


def judge_fold(measures: Mapping[str, Measure], options: TrainerOptions, dealt: Folds, number: int) -> FoldReport:
    """Trains the model that a fold judges, and judges it.

    Args:
        measures: by name.
        options: of the training.
        dealt: the folds.
        number: of the fold, from 0.
    """
    folds = len(dealt.files)
    watched = (number + 1) % folds
    training = [other for other in range(folds) if other not in (number, watched)]
    facts = dealt.facts_of(training, watched, number)
    graph = PreprocessingGraph(options.preprocessing, dealt.statistics_of(training, options.preprocessing))
    train, evaluation, test = dealt.joined(training), dealt.files[watched], dealt.files[number]
    result = fit(options, graph, train, evaluation, facts=facts)
    answers = _answers(result, graph, test)
    return FoldReport(
        fold=number + 1,
        train=train.size,
        eval=evaluation.size,
        test=test.size,
        epochs=result.epochs_run,
        seconds=round(result.seconds, 2),
        metrics={name: measure.of(answers, None) for name, measure in measures.items()},
    )


def _answers(result: FitResult, graph: PreprocessingGraph, test: SplitFiles) -> Answers:
    network = predictor(result.network.model, result.task)
    parse = {features.ENCODED: tf.io.FixedLenFeature([], tf.string), test.label.key: test.label.spec}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def predict(image_bytes: tf.Tensor) -> tf.Tensor:
        return network(graph(image_bytes), training=False)

    truth, predicted = [], []
    for batch in test.records().batch(_BATCH):
        parsed = tf.io.parse_example(batch, parse)
        truth.append(parsed[test.label.key].numpy())
        predicted.append(predict(parsed[features.ENCODED]).numpy())
    labels, outputs = np.concatenate(truth), np.concatenate(predicted)
    if result.task is Task.REGRESSION:
        return ValueAnswers(labels.astype(np.float64), outputs.reshape(-1).astype(np.float64))
    return ClassAnswers(labels, outputs)


def _notes(dealt: Folds) -> list[str]:
    """Classes that not every fold can judge."""
    if dealt.facts.task is Task.REGRESSION:
        return []
    notes = []
    for number, label in enumerate(dealt.facts.labels):
        holding = sum(bool((values == number).any()) for values in dealt.values)
        if holding < len(dealt.files):
            notes.append(
                f"Class {label!r} is in {holding} of {len(dealt.files)} folds: the others do not judge it, and where "
                "it is in one alone, no model is trained on it while it is judged."
            )
    return notes
