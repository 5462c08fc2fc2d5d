"""TFMA's configuration: the model's own `evaluate` signature, metrics, and thresholds."""

from __future__ import annotations

# The package's own `tfma.EvalConfig` is missing unless TFX was imported first; the protos are always there.
from tensorflow_model_analysis.proto import config_pb2

from darkroom.configuration.sections import EvaluationSection
from pipeline import features

EVALUATE_SIGNATURE = "evaluate"
# The outputs of that signature.
PROBABILITIES = "probabilities"
VALUE = "value"
ACCURACY = "sparse_categorical_accuracy"

# TFMA's metrics are float32, in which 18 of 20 is a little less than 0.9. A value that equals its bound shall pass.
ROUNDING = 1e-6


def eval_config(evaluation: EvaluationSection) -> config_pb2.EvalConfig:
    """What the Evaluator component measures and requires.

    The model is asked through its `evaluate` signature, which runs the same preprocessing and network as
    `serving_default`: what is measured is what is served.
    """
    threshold = config_pb2.MetricThreshold(
        value_threshold=config_pb2.GenericValueThreshold(lower_bound={"value": evaluation.min_accuracy - ROUNDING})
    )
    if evaluation.max_accuracy_drop is not None:
        threshold.change_threshold.CopyFrom(
            config_pb2.GenericChangeThreshold(
                direction=config_pb2.MetricDirection.HIGHER_IS_BETTER,
                absolute={"value": -evaluation.max_accuracy_drop - ROUNDING},
            )
        )
    overall = config_pb2.SlicingSpec()
    metrics = [
        config_pb2.MetricConfig(class_name="ExampleCount"),
        config_pb2.MetricConfig(
            class_name="SparseCategoricalAccuracy",
            # `threshold` would hold for every slice, so that one class of few images could fail the model.
            per_slice_thresholds=[config_pb2.PerSliceMetricThreshold(slicing_specs=[overall], threshold=threshold)],
        ),
        config_pb2.MetricConfig(class_name="SparseCategoricalCrossentropy"),
    ]
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                signature_name=EVALUATE_SIGNATURE, label_key=features.LABEL, prediction_key=PROBABILITIES
            )
        ],
        slicing_specs=[overall, config_pb2.SlicingSpec(feature_keys=[features.LABEL_TEXT])],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)],
    )
