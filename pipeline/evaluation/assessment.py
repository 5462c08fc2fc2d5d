"""From recorded answers to the report."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from pipeline.evaluation.curves import curves_of
from pipeline.evaluation.measures.answers import Answers, ClassAnswers, ValueAnswers
from pipeline.evaluation.measures.measure import Measure
from pipeline.evaluation.measures.of_task import measures_of
from pipeline.evaluation.measures.resampling import Resampled, interval, resample, share_interval
from pipeline.evaluation.measures.significance import mcnemar, paired_bootstrap
from pipeline.evaluation.options import EvaluationOptions
from pipeline.evaluation.recorded import Recorded
from pipeline.evaluation.report import EvaluationReport, Measured, Mistake, SliceMeasures
from pipeline.evaluation.rules import Evidence, asked_measures, judge
from pipeline.evaluation.slices import parts_of
from pipeline.features import TRAIN_SPLIT
from pipeline.ingestion.dataset_facts import DatasetFacts

MISTAKES = 48


def assess(
    recorded: Recorded,
    facts: DatasetFacts,
    options: EvaluationOptions,
    tfma_values: Mapping[str, float],
    baseline_note: str | None = None,
) -> EvaluationReport:
    """Measures, compares and judges.

    Args:
        recorded: the answers of both models.
        facts: of the data set.
        options: of the evaluation.
        tfma_values: TFMA's own, by its names.
        baseline_note: why there is no baseline.

    Raises:
        darkroom.errors.ConfigurationError: a rule is about a measure that the task lacks, or a slice that the split
            lacks.
    """
    section = options.section
    asked = asked_measures(options.task, section)
    measures = measures_of(options.task, len(facts.labels), options.metric_options, asked)
    candidate, baseline = recorded.candidate, recorded.baseline
    resampled = resample(measures, candidate, baseline, section.resamples, section.seed)
    whole = {
        name: _measured(name, measure, recorded, resampled, section.confidence) for name, measure in measures.items()
    }
    slices = tuple(
        SliceMeasures(
            slice=part.slice,
            value=part.value,
            images=part.images,
            measures=_of_part(measures, candidate.part(part.chosen), baseline.part(part.chosen) if baseline else None),
        )
        for part in parts_of(recorded, facts.labels, section)
    )
    trivial_answers, trivial_answer = _trivial(candidate, facts)
    trivial = {name: measure.of(trivial_answers, None) for name, measure in measures.items()}
    evidence = Evidence(measures, whole, slices, trivial, trivial_answer, baseline is not None, baseline_note)
    return EvaluationReport(
        task=options.task,
        labels=facts.labels,
        images=recorded.images,
        looked_at=len(recorded.sha256),
        test_set=hashlib.sha256("".join(recorded.sha256).encode()).hexdigest()[:12],
        confidence=section.confidence,
        measures=whole,
        trivial=trivial,
        trivial_answer=trivial_answer,
        baseline_note=baseline_note,
        slices=slices,
        curves=curves_of(candidate),
        mistakes=tuple(_mistakes(recorded, facts)),
        rules=judge(options.task, section, evidence),
        tfma=dict(tfma_values),
    )


def _measured(name: str, measure: Measure, recorded: Recorded, resampled: Resampled, confidence: float) -> Measured:
    candidate, baseline = recorded.candidate, recorded.baseline
    value = measure.of(candidate, None)
    bounds = None
    if measure.hits is not None:
        bounds = share_interval(measure.hits(candidate), confidence)
    elif name in resampled.candidate:
        bounds = interval(resampled.candidate[name], confidence)
    p_value = None
    if name == "accuracy" and isinstance(candidate, ClassAnswers) and isinstance(baseline, ClassAnswers):
        p_value = mcnemar(candidate, baseline)
    elif name in resampled.baseline:
        p_value = paired_bootstrap(resampled.candidate[name], resampled.baseline[name])
    low, high = bounds or (None, None)
    return Measured(
        value=value, low=low, high=high, baseline=measure.of(baseline, None) if baseline else None, p_value=p_value
    )


def _of_part(measures: Mapping[str, Measure], candidate: Answers, baseline: Answers | None) -> dict[str, Measured]:
    """Without intervals: what a rule about a part needs, and what a table shows."""
    p_value = None
    if isinstance(candidate, ClassAnswers) and isinstance(baseline, ClassAnswers):
        p_value = mcnemar(candidate, baseline)
    return {
        name: Measured(
            value=measure.of(candidate, None),
            baseline=measure.of(baseline, None) if baseline else None,
            p_value=p_value if name == "accuracy" else None,
        )
        for name, measure in measures.items()
    }


def _trivial(candidate: Answers, facts: DatasetFacts) -> tuple[Answers, str]:
    """The answers of the predictor that never looks: the training split's commonest class, with the classes' shares as
    probabilities, or its mean target."""
    if isinstance(candidate, ValueAnswers):
        mean = facts.targets[TRAIN_SPLIT].mean
        return ValueAnswers(candidate.targets, np.full_like(candidate.values, mean)), f"the mean target {mean:.4g}"
    counts = np.array([facts.counts[TRAIN_SPLIT].get(label, 0) for label in facts.labels], np.float64)
    shares = (counts / counts.sum()).astype(np.float32)
    answers = ClassAnswers(candidate.labels, np.tile(shares, (len(candidate.labels), 1)))
    return answers, f"the commonest class {facts.labels[int(counts.argmax())]!r}"


def _mistakes(recorded: Recorded, facts: DatasetFacts) -> list[Mistake]:
    """Classes: the most confident errors. Numbers: the largest errors, right or not."""
    answers = recorded.candidate
    if isinstance(answers, ValueAnswers):
        errors = answers.values - answers.targets
        return [
            Mistake(
                filename=recorded.filename[place],
                sha256=recorded.sha256[place],
                label=f"{answers.targets[place]:.6g}",
                predicted=f"{answers.values[place]:.6g}",
                error=float(errors[place]),
            )
            for place in np.argsort(-np.abs(errors), kind="stable")[:MISTAKES]
        ]
    wrong = np.flatnonzero(answers.hits == 0)
    confidence = answers.probabilities[np.arange(len(answers.labels)), answers.predicted]
    return [
        Mistake(
            filename=recorded.filename[place],
            sha256=recorded.sha256[place],
            label=facts.labels[answers.labels[place]],
            predicted=facts.labels[answers.predicted[place]],
            confidence=float(confidence[place]),
            of_label=float(answers.of_label[place]),
        )
        for place in wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    ]
