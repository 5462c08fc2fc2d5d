"""What the Evaluator found, in numbers and sentences."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow_model_analysis as tfma

from darkroom.configuration.sections import EvaluationSection
from pipeline.evaluation.eval_config import ACCURACY, ROUNDING

# TFMA's names for differences to the baseline: metrics.metric_keys, is_diff.
_DIFFERENCE_SUFFIX = "_diff"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's decision.

    Attributes:
        blessed: whether the model passed.
        accuracy: on the test split, 0..1; None when TFMA measured none.
        baseline_accuracy: of the latest blessed model on the same split; None when there was none.
        loss: mean cross-entropy in nats.
        reasons: a sentence for each rule: required, measured, passed or not.
    """

    blessed: bool
    accuracy: float | None
    baseline_accuracy: float | None
    loss: float | None
    reasons: tuple[str, ...]


def read_verdict(evaluation_uri: str, rules: EvaluationSection, *, blessed: bool, has_baseline: bool) -> Verdict:
    """Reads an evaluation artifact.

    Args:
        evaluation_uri: of the Evaluator's `evaluation` output.
        rules: the thresholds that applied.
        blessed: the Evaluator's own decision; the sentences explain it and never overrule it.
        has_baseline: whether a baseline was compared with.
    """
    values = overall_metrics(evaluation_uri)
    accuracy = values.get(ACCURACY)
    difference = values.get(f"{ACCURACY}{_DIFFERENCE_SUFFIX}")
    baseline = accuracy - difference if has_baseline and accuracy is not None and difference is not None else None
    return Verdict(
        blessed=blessed,
        accuracy=accuracy,
        baseline_accuracy=baseline,
        loss=values.get("sparse_categorical_crossentropy"),
        reasons=tuple(_sentences(rules, accuracy, baseline)),
    )


def _sentences(rules: EvaluationSection, accuracy: float | None, baseline: float | None) -> list[str]:
    if accuracy is None:
        return ["Accuracy could not be measured: the test split gave TFMA no examples."]
    enough = accuracy >= rules.min_accuracy - ROUNDING
    sentences = [
        f"Accuracy must be at least {rules.min_accuracy:.4f} and is {accuracy:.4f}: {'passed' if enough else 'failed'}."
    ]
    if rules.max_accuracy_drop is None:
        sentences.append("The comparison with the latest blessed model is switched off.")
    elif baseline is None:
        sentences.append("There is no blessed model yet to compare with.")
    else:
        kept = baseline - accuracy <= rules.max_accuracy_drop + ROUNDING
        sentences.append(
            f"Accuracy may fall by at most {rules.max_accuracy_drop:.4f} from the baseline's {baseline:.4f} and "
            f"changed by {accuracy - baseline:+.4f}: {'passed' if kept else 'failed'}."
        )
    return sentences


def overall_metrics(evaluation_uri: str) -> dict[str, float]:
    """What TFMA measured on the slice that holds all examples, by its names; `<name>_diff` is against the baseline."""
    result = tfma.load_eval_result(evaluation_uri)
    overall: dict[str, float] = {}
    for slice_key, outputs in result.slicing_metrics:
        if slice_key:
            continue
        for by_subkey in outputs.values():
            for by_name in by_subkey.values():
                overall |= {name: value["doubleValue"] for name, value in by_name.items() if "doubleValue" in value}
    return overall
