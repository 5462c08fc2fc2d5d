"""The gate's rules: from the configuration to a sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from darkroom.configuration.evaluation_section import EvaluationSection, RuleSection
from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline.evaluation.measures.measure import Measure
from pipeline.evaluation.report import Measured, RuleResult, SliceMeasures

# Sums of floating point numbers are a little off. A value that equals its bound shall pass.
_ROUNDING = 1e-9
# A smaller one is not told by its digits.
_LEAST_P_VALUE = 0.001

# Parts that a sentence names.
_NAMED = 5

_TITLES = {
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "r2": "R²",
    "f1": "F1",
    "f1_macro": "F1 (macro)",
    "f1_weighted": "F1 (weighted)",
    **{
        f"{kind}_{average}": f"{kind.capitalize()} ({average})"
        for kind in ("precision", "recall")
        for average in ("macro", "weighted")
    },
    "brier": "The Brier score",
    **{name: name.upper() for name in ("mae", "mse", "rmse", "rmsle", "mape")},
}


def title(metric: str) -> str:
    """A measure's name for people."""
    return _TITLES.get(metric) or metric.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What rules are judged by.

    Attributes:
        measures: the task's, by name.
        whole: of the whole test split.
        slices: of its parts.
        trivial: of the predictor that never looks at an image.
        trivial_answer: what that one says.
        has_baseline: whether a blessed model was measured, too.
        baseline_note: why not.
    """

    measures: Mapping[str, Measure]
    whole: Mapping[str, Measured]
    slices: Sequence[SliceMeasures]
    trivial: Mapping[str, float | None]
    trivial_answer: str
    has_baseline: bool
    baseline_note: str | None


def rules_of(task: Task, section: EvaluationSection) -> tuple[RuleSection, ...]:
    """The rules that apply, those with keys of their own first."""
    found = []
    if task.has_classes:
        found.append(RuleSection(metric="accuracy", min=section.min_accuracy))
        if section.max_accuracy_drop is not None:
            found.append(RuleSection(metric="accuracy", max_worsening=section.max_accuracy_drop))
    elif section.max_r2_drop is not None:
        found.append(RuleSection(metric="r2", max_worsening=section.max_r2_drop))
    return (*found, *section.rules)


def asked_measures(task: Task, section: EvaluationSection) -> set[str]:
    """The names that rules are about."""
    beaten = {section.beat_trivial} if section.beat_trivial else set()
    return {rule.metric for rule in rules_of(task, section)} | beaten


def judge(task: Task, section: EvaluationSection, evidence: Evidence) -> tuple[RuleResult, ...]:
    """A result for each rule; for some several.

    Raises:
        ConfigurationError: a rule is about a slice that the test split does not have.
    """
    found: list[RuleResult] = []
    for rule in rules_of(task, section):
        found += _whole(rule, section, evidence) if rule.slice is None else _parts(rule, section, evidence)
    if section.beat_trivial is not None:
        found.append(_beats_trivial(section.beat_trivial, evidence))
    return tuple(found)


def _whole(rule: RuleSection, section: EvaluationSection, evidence: Evidence) -> Iterator[RuleResult]:
    measured = evidence.whole[rule.metric]
    yield from _bounds(rule, measured, "")
    if rule.max_worsening is not None:
        yield _change(rule, section, measured, evidence, "")


def _parts(rule: RuleSection, section: EvaluationSection, evidence: Evidence) -> Iterator[RuleResult]:
    """A sentence for each part that fails, and one for all that pass."""
    of_slice = [part for part in evidence.slices if part.slice == rule.slice]
    if not of_slice:
        known = ", ".join(sorted({part.slice for part in evidence.slices}))
        raise ConfigurationError(f"evaluation.rules: the test split has no slice {rule.slice!r}; it has {known}")
    wanted = [part for part in of_slice if rule.values is None or part.value in rule.values]
    for missing in sorted(set(rule.values or ()) - {part.value for part in of_slice}):
        yield RuleResult(
            sentence=f"{title(rule.metric)} where {rule.slice} is {missing}: the test split has no such image: failed.",
            passed=False,
        )
    judged, passed = [part for part in wanted if part.images >= rule.min_images], []
    for part in judged:
        measured = part.measures[rule.metric]
        where = f" where {part.slice} is {part.value} ({part.images} images)"
        results = list(_bounds(rule, measured, where))
        if rule.max_worsening is not None:
            results.append(_change(rule, section, measured, evidence, where))
        failed = [result for result in results if not result.passed]
        yield from failed
        if not failed:
            passed.append(part.value)
    few = len(wanted) - len(judged)
    rest = f" {few} with fewer than {rule.min_images} images {'was' if few == 1 else 'were'} not judged." if few else ""
    if passed or few:
        named = ", ".join(passed[:_NAMED]) + (f" and {len(passed) - _NAMED} more" if len(passed) > _NAMED else "")
        text = f"{title(rule.metric)} by {rule.slice}: passed for {named or 'none'}.{rest}"
        yield RuleResult(sentence=text, passed=True)


def _bounds(rule: RuleSection, measured: Measured, where: str) -> Iterator[RuleResult]:
    for bound, word, sign in ((rule.min, "at least", 1), (rule.max, "at most", -1)):
        if bound is None:
            continue
        if measured.value is None:
            text = f"{title(rule.metric)}{where} must be {word} {bound:.4f}, but is not defined there: failed."
            yield RuleResult(sentence=text, passed=False)
            continue
        passed = sign * (measured.value - bound) >= -_ROUNDING
        yield RuleResult(
            sentence=f"{title(rule.metric)}{where} must be {word} {bound:.4f} and is {measured.value:.4f}: "
            f"{'passed' if passed else 'failed'}.",
            passed=passed,
        )


def _change(
    rule: RuleSection, section: EvaluationSection, measured: Measured, evidence: Evidence, where: str
) -> RuleResult:
    name = f"{title(rule.metric)}{where}"
    if not evidence.has_baseline:
        return RuleResult(sentence=evidence.baseline_note or "", passed=True)
    if measured.value is None or measured.baseline is None:
        return RuleResult(sentence=f"{name} is not defined for both models, so nothing was compared.", passed=True)
    verb, sign = ("fall", 1) if evidence.measures[rule.metric].greater_is_better else ("rise", -1)
    change = measured.value - measured.baseline
    kept = sign * change >= -(rule.max_worsening or 0.0) - _ROUNDING
    text = (
        f"{name} may {verb} by at most {rule.max_worsening:.4f} from the baseline's {measured.baseline:.4f} and "
        f"changed by {change:+.4f}"
    )
    if kept:
        return RuleResult(sentence=f"{text}: passed.", passed=True)
    if measured.p_value is None:
        return RuleResult(sentence=f"{text}: failed.", passed=False)
    is_noise = measured.p_value >= section.significance_level
    told = "which may be chance" if is_noise else "which is more than chance"
    passed = is_noise and section.drops_must_be_significant
    p_value = f"p = {measured.p_value:.3f}" if measured.p_value >= _LEAST_P_VALUE else f"p < {_LEAST_P_VALUE}"
    return RuleResult(sentence=f"{text}, {told} ({p_value}): {'passed' if passed else 'failed'}.", passed=passed)


def _beats_trivial(metric: str, evidence: Evidence) -> RuleResult:
    value, bar = evidence.whole[metric].value, evidence.trivial[metric]
    name = title(metric)
    if value is None or bar is None:
        text = f"{name} is not defined, so the model was not compared with always answering {evidence.trivial_answer}."
        return RuleResult(sentence=text, passed=True)
    passed = value > bar + _ROUNDING if evidence.measures[metric].greater_is_better else value < bar - _ROUNDING
    word = "above" if evidence.measures[metric].greater_is_better else "below"
    return RuleResult(
        sentence=f"{name} must be {word} the {bar:.4f} of always answering {evidence.trivial_answer} and is "
        f"{value:.4f}: {'passed' if passed else 'failed'}.",
        passed=passed,
    )
