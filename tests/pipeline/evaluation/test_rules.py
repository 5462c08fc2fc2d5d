"""What the gate says of what was measured."""

import pytest

from darkroom.configuration import DarkroomConfig
from darkroom.configuration.evaluation_section import EvaluationSection
from darkroom.configuration.metrics_section import MetricOptionsSection
from darkroom.errors import ConfigurationError
from darkroom.task import Task
from pipeline.evaluation.measures.of_task import measures_of
from pipeline.evaluation.report import Measured, SliceMeasures
from pipeline.evaluation.rules import Evidence, judge

NO_BASELINE = "There is no blessed model yet to compare with."
MULTICLASS = measures_of(Task.MULTICLASS, 3, MetricOptionsSection())
REGRESSION = measures_of(Task.REGRESSION, 0, MetricOptionsSection())


def judged(whole, *, slices=(), trivial=None, task=Task.MULTICLASS, has_baseline=None, **rules):
    section = EvaluationSection.model_validate({"beat_trivial": None, **rules})
    has_baseline = any(one.baseline is not None for one in whole.values()) if has_baseline is None else has_baseline
    evidence = Evidence(
        measures=MULTICLASS if task.has_classes else REGRESSION,
        whole=whole,
        slices=slices,
        trivial=trivial or {},
        trivial_answer="the commonest class 'cat'",
        has_baseline=has_baseline,
        baseline_note=None if has_baseline else NO_BASELINE,
    )
    found = judge(task, section, evidence)
    return [rule.sentence for rule in found], [rule.passed for rule in found]


def accuracy(value, baseline=None, p_value=None):
    return {"accuracy": Measured(value=value, baseline=baseline, p_value=p_value)}


def part(value, images, measured):
    return SliceMeasures(slice="camera", value=value, images=images, measures=accuracy(measured))


def test_a_good_model_without_baseline_passes():
    sentences, passed = judged(accuracy(0.9), min_accuracy=0.9)
    assert sentences == ["Accuracy must be at least 0.9000 and is 0.9000: passed.", NO_BASELINE]
    assert passed == [True, True]


def test_too_low_an_accuracy_fails():
    sentences, passed = judged(accuracy(0.85), min_accuracy=0.9)
    assert sentences[0] == "Accuracy must be at least 0.9000 and is 0.8500: failed."
    assert passed == [False, True]


@pytest.mark.parametrize(("value", "passes", "said"), [(0.85, True, "passed"), (0.95, True, "passed")])
def test_a_drop_of_the_allowed_size_passes(value, passes, said):
    sentences, passed = judged(accuracy(value, 0.9, 0.01), max_accuracy_drop=0.05)
    assert sentences[1] == (
        f"Accuracy may fall by at most 0.0500 from the baseline's 0.9000 and changed by {value - 0.9:+.4f}: {said}."
    )
    assert passed[1] == passes


@pytest.mark.parametrize(
    ("p_value", "must_be_significant", "told", "passes"),
    [
        (0.2, False, "which may be chance (p = 0.200): failed.", False),
        (0.2, True, "which may be chance (p = 0.200): passed.", True),
        (0.01, True, "which is more than chance (p = 0.010): failed.", False),
    ],
)
def test_a_larger_drop_tells_whether_it_may_be_chance(p_value, must_be_significant, told, passes):
    sentences, passed = judged(
        accuracy(0.8, 0.9, p_value), max_accuracy_drop=0.05, drops_must_be_significant=must_be_significant
    )
    assert sentences[1].endswith(told)
    assert passed[1] == passes


def test_the_comparison_can_be_switched_off():
    sentences, _ = judged(accuracy(0.5, 0.9), max_accuracy_drop=None)
    assert len(sentences) == 1


def test_losses_must_not_rise():
    whole = accuracy(0.9) | {"log_loss": Measured(value=0.5, baseline=0.3, p_value=0.001)}
    sentences, passed = judged(
        whole, max_accuracy_drop=None, rules=[{"metric": "log_loss", "max": 0.6, "max_worsening": 0.1}]
    )
    assert sentences[1:] == [
        "Log loss must be at most 0.6000 and is 0.5000: passed.",
        "Log loss may rise by at most 0.1000 from the baseline's 0.3000 and changed by +0.2000, which is more than "
        "chance (p = 0.001): failed.",
    ]
    assert passed == [True, True, False]


def test_a_model_must_beat_the_trivial_one():
    for value, said in ((0.6, "failed"), (0.61, "passed")):
        sentences, passed = judged(accuracy(value), beat_trivial="accuracy", trivial={"accuracy": 0.6})
        assert sentences[-1] == (
            "Accuracy must be above the 0.6000 of always answering the commonest class 'cat' and is "
            f"{value:.4f}: {said}."
        )
        assert passed[-1] == (said == "passed")


def test_a_regression_is_compared_by_r2_and_must_beat_the_mean():
    whole = {"r2": Measured(value=0.5, baseline=0.8, p_value=None), "rmse": Measured(value=3.0)}
    sentences, passed = judged(whole, task=Task.REGRESSION, beat_trivial="rmse", trivial={"rmse": 4.0})
    assert sentences[0] == "R² may fall by at most 0.0100 from the baseline's 0.8000 and changed by -0.3000: failed."
    assert sentences[1].startswith("RMSE must be below the 4.0000 of always answering")
    assert passed == [False, True]


SLICES = (part("left", 50, 0.95), part("right", 40, 0.7), part("top", 3, 0.0))
BY_CAMERA = {"metric": "accuracy", "min": 0.8, "slice": "camera"}


def test_each_part_of_a_slice_is_judged_and_small_ones_are_not():
    sentences, passed = judged(accuracy(0.9), slices=SLICES, max_accuracy_drop=None, rules=[BY_CAMERA])
    assert sentences[1:] == [
        "Accuracy where camera is right (40 images) must be at least 0.8000 and is 0.7000: failed.",
        "Accuracy by camera: passed for left. 1 with fewer than 20 images was not judged.",
    ]
    assert passed == [True, False, True]


def test_a_rule_may_be_about_some_parts():
    rule = BY_CAMERA | {"values": ["left", "rear"]}
    sentences, passed = judged(accuracy(0.9), slices=SLICES, max_accuracy_drop=None, rules=[rule])
    assert sentences[1] == "Accuracy where camera is rear: the test split has no such image: failed."
    assert passed == [True, False, True]


def test_a_slice_that_is_not_there_is_named():
    with pytest.raises(ConfigurationError, match="has no slice 'lens'; it has camera"):
        judged(accuracy(0.9), slices=SLICES, rules=[BY_CAMERA | {"slice": "lens"}])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"rules": [{"metric": "accurancy", "min": 1}]}, "did you mean accuracy"),
        ({"rules": [{"metric": "accuracy"}]}, "asks for nothing"),
        ({"rules": [{"metric": "accuracy", "min": 1, "values": ["a"]}]}, "names values but no slice"),
        ({"rules": [{"metric": "rmse", "max": 1}]}, "rmse is a measure of numbers, but data.task is multiclass"),
        ({"rules": [{"metric": "recall", "min": 1}]}, "recall is a measure of two classes"),
        ({"size_edges": [100, 50]}, "size_edges must rise"),
    ],
)
def test_rules_that_make_no_sense_are_refused_with_the_configuration(document, message):
    with pytest.raises(ValueError, match=message):
        DarkroomConfig.model_validate({"evaluation": document})


def test_a_regression_has_no_accuracy_to_ask_for():
    with pytest.raises(ValueError, match=r"evaluation\.min_accuracy: a regression has no accuracy"):
        DarkroomConfig.model_validate({"data": {"task": "regression"}, "evaluation": {"min_accuracy": 0.9}})
    config = DarkroomConfig.model_validate({"data": {"task": "regression"}})
    assert config.evaluation.beat_trivial == "rmse"
