"""What changed between two runs."""

from pipeline.runs.comparison import differences
from tests.pipeline.report.made_report import made_report


def with_accuracy(report, value):
    evaluation = report.evaluation
    measured = evaluation.measures["accuracy"].model_copy(update={"value": value})
    changed = evaluation.model_copy(update={"measures": evaluation.measures | {"accuracy": measured}})
    return report.model_copy(update={"evaluation": changed})


def test_a_measure_differs_when_more_than_the_order_of_a_sum_changed(tmp_path):
    report = made_report(tmp_path)
    one, same, other = (with_accuracy(report, value) for value in (0.1 + 0.2, 0.3, 0.4))
    assert differences(one, same) == []
    [found] = differences(one, other)
    assert (found.area, found.name, found.second) == ("measures", "accuracy", 0.4)
