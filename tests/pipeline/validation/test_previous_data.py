import pytest
from tfx.types import standard_artifacts

from pipeline.validation.previous_data import PreviousData


def statistics(number, span=None):
    made = standard_artifacts.ExampleStatistics()
    made.id = number
    if span is not None:
        made.span = span
    return made


def chosen(current, *others):
    found = PreviousData().resolve_artifacts(None, {"current": [current], "previous": [current, *others]})
    return [one.id for one in found["previous"]]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [({1: 3, 2: 4, 3: 5}, [2]), ({1: 4, 2: 3}, [1]), ({1: 4, 2: 4}, [2]), ({1: 5, 2: 6}, [])],
    ids=["the newest", "by number, not by time", "its last ingestion", "later ones are not before"],
)
def test_the_newest_earlier_span_is_taken(spans, expected):
    assert chosen(statistics(9, 5), *(statistics(number, span) for number, span in spans.items())) == expected


def test_without_spans_it_is_the_data_before():
    assert chosen(statistics(5), statistics(2), statistics(4), statistics(6)) == [4]
    assert chosen(statistics(1)) == []
