from datetime import date

import pytest
from pydantic import ValidationError

from darkroom.configuration.data_section import DataSection
from darkroom.configuration.span_section import LastSpans


def data(images="in/{SPAN}", **keys):
    return DataSection.model_validate({"images": images, **keys})


@pytest.mark.parametrize(
    ("given", "meant"),
    [("latest", "latest"), ("all", "all"), (7, 7), ({"last": 3}, LastSpans(last=3))],
)
def test_spans_are_chosen_in_four_ways(given, meant):
    assert data(span=given).span == meant


def test_a_span_is_chosen_by_its_date():
    assert data("in/{YYYY}{MM}{DD}", span=date(2026, 11, 20)).span == data("in/{YYYY}{MM}{DD}", span="2026-11-20").span


@pytest.mark.parametrize("given", ["newest", -1, {"last": 0}, {"first": 1}, True, None])
def test_anything_else_is_refused_in_one_sentence(given):
    with pytest.raises(ValidationError, match=r"1 validation error(.|\n)*must be latest, all, a span's number"):
        data(span=given)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("in/{SPAN}/{SPAN}", "has {SPAN} 2 times"),
        ("in/{YYYY}-{MM}", "needs each of {YYYY}, {MM}, {DD} exactly once"),
        ("in/{YYYY}-{MM}-{DD}/{DD}", "exactly once"),
        ("in/{SPAN}/{YYYY}-{MM}-{DD}", "has both"),
        ("in/{VERSION}", "but neither {SPAN} nor a date"),
        ("in/{SPAN}/{VERSION}/{VERSION}", "has {VERSION} 2 times"),
        ("in/{SPAN:x}", "the width must be a number above 0"),
        ("in/{SPAN:0}", "the width must be a number above 0"),
    ],
)
def test_a_pattern_that_tfx_refuses_is_refused(pattern, message):
    with pytest.raises(ValidationError, match=message):
        data(pattern)


def test_a_span_needs_a_pattern():
    with pytest.raises(ValidationError, match=r"'in' has neither \{SPAN\} nor"):
        data("in", span=3)


def test_a_date_needs_a_pattern_of_dates():
    with pytest.raises(ValidationError, match=r"the spans of 'in/\{SPAN\}' have numbers"):
        data(span="2026-11-20")


def test_the_listing_names_the_spans_of_its_images():
    with pytest.raises(ValidationError, match=r"'in/\{SPAN\}' differs from span to span, so 'a\.csv' must, too"):
        DataSection.model_validate({"listing": {"path": "a.csv", "root": "in/{SPAN}"}})
