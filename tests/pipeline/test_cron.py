"""Cron expressions."""

import pytest

from darkroom.errors import ConfigurationError
from pipeline.cron import check_cron, with_seconds


@pytest.mark.parametrize(
    "text", ["0 3 * * *", "*/15 0-6 1,15 * 1-5", "0 0 * JAN-jun SUN", "59 23 31 12 7", " 0  3 * *  * "]
)
def test_good_expressions_pass(text):
    assert check_cron(text) == " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 3 * *", "found 4"),
        ("@daily", "found 1"),
        ("60 3 * * *", "minute must be 0 to 59, found 60"),
        ("0 24 * * *", "hour must be 0 to 23, found 24"),
        ("0 3 0 * *", "day of the month must be 1 to 31"),
        ("0 3 * SUN *", "month must be 1 to 12, found SUN"),
        ("0 3 * * 8", "day of the week"),
        ("0 3 ** * *", r"'\*\*' is no number"),
        ("0 3 * * 1,", "'' is no number"),
        ("0 3 * * *;rm", "is no number"),
    ],
)
def test_others_are_told(text, said):
    with pytest.raises(ConfigurationError, match=said):
        check_cron(text)


def test_kubeflow_gets_seconds_first():
    assert with_seconds("0 3 * * *") == "0 0 3 * * *"
