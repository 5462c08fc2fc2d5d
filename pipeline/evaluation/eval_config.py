"""TFMA's configuration: the model's own `evaluate` signature, metrics, slices."""

from __future__ import annotations

# The package's own `tfma.EvalConfig` is missing unless TFX was imported first; the protos are always there.
from tensorflow_model_analysis.proto import config_pb2

from darkroom.task import Task
from pipeline import features
from pipeline.evaluation.recording import BASELINE, CANDIDATE
from pipeline.signatures import EVALUATE_SIGNATURE, PROBABILITIES, VALUE

_OF_CLASSES = ("SparseCategoricalAccuracy", "SparseCategoricalCrossentropy")
_OF_POSITIVE = ("AUC", "AUCPrecisionRecall", "Precision", "Recall", "CalibrationPlot")
_OF_VALUES = ("MeanAbsoluteError", "MeanSquaredError", "MeanAbsolutePercentageError", "SquaredPearsonCorrelation")


def eval_config(task: Task, *, has_baseline: bool) -> config_pb2.EvalConfig:
    """What TFMA measures, for its own tools and at any size.

    The model is asked through its `evaluate` signature, which runs the same preprocessing and network as
    `serving_default`: what is measured is what is served.
    """
    overall = config_pb2.SlicingSpec()
    slices = [overall]
    if task.has_classes:
        slices.append(config_pb2.SlicingSpec(feature_keys=[features.LABEL_TEXT]))
    return config_pb2.EvalConfig(
        model_specs=[_model(name, task) for name in ((CANDIDATE, BASELINE) if has_baseline else (CANDIDATE,))],
        slicing_specs=slices,
        metrics_specs=list(_metrics(task)),
    )


def _model(name: str, task: Task) -> config_pb2.ModelSpec:
    return config_pb2.ModelSpec(
        name=name,
        is_baseline=name == BASELINE,
        signature_name=EVALUATE_SIGNATURE,
        label_key=features.LABEL if task.has_classes else features.TARGET,
        prediction_key=PROBABILITIES if task.has_classes else VALUE,
    )


def _metrics(task: Task) -> list[config_pb2.MetricsSpec]:
    names = ("ExampleCount", *(_OF_CLASSES if task.has_classes else _OF_VALUES))
    found = [config_pb2.MetricsSpec(metrics=[config_pb2.MetricConfig(class_name=name) for name in names])]
    if task is Task.BINARY:
        found.append(
            config_pb2.MetricsSpec(
                metrics=[config_pb2.MetricConfig(class_name=name) for name in _OF_POSITIVE],
                binarize=config_pb2.BinarizationOptions(class_ids={"values": [1]}),
            )
        )
    return found
