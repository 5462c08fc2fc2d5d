"""TFMA's configuration: the model's own `evaluate` signature, metrics, and thresholds."""

from __future__ import annotations

import tensorflow_model_analysis as tfma

from darkroom.configuration.sections import EvaluationSection
from pipeline import features

EVALUATE_SIGNATURE = "evaluate"
PREDICTION_KEY = "probabilities"
ACCURACY = "sparse_categorical_accuracy"


def eval_config(evaluation: EvaluationSection) -> tfma.EvalConfig:
    """What the Evaluator component measures and requires.

    The model is asked through its `evaluate` signature, which runs the same preprocessing and network as
    `serving_default`: what is measured is what is served.
    """
    threshold = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": evaluation.min_accuracy})
    )
    if evaluation.max_accuracy_drop is not None:
        threshold.change_threshold.CopyFrom(
            tfma.GenericChangeThreshold(
                direction=tfma.MetricDirection.HIGHER_IS_BETTER,
                # TFMA passes a change strictly above the bound; a drop of exactly the allowed size shall pass too.
                absolute={"value": -evaluation.max_accuracy_drop - 1e-9},
            )
        )
    metrics = [
        tfma.MetricConfig(class_name="ExampleCount"),
        tfma.MetricConfig(class_name="SparseCategoricalAccuracy", threshold=threshold),
        tfma.MetricConfig(class_name="SparseCategoricalCrossentropy"),
    ]
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(signature_name=EVALUATE_SIGNATURE, label_key=features.LABEL, prediction_key=PREDICTION_KEY)
        ],
        slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=[features.LABEL_TEXT])],
        metrics_specs=[tfma.MetricsSpec(metrics=metrics)],
    )
