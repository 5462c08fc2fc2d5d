"""Times of a schedule."""

from __future__ import annotations

import re

from darkroom.errors import ConfigurationError

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_WORDS = {"month": _MONTHS, "day of the week": _DAYS}
_PART = re.compile(r"(\*|\w+(-\w+)?)(/\d+)?")


def check_cron(text: str) -> str:
    """The five fields of a cron expression, as crontab(5) and Kubernetes have them.

    Raises:
        ConfigurationError: it is none.
    """
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ConfigurationError(
            f"--cron {text!r}: must be five fields, minute hour day month weekday, such as '0 3 * * *', "
            f"which is every day at 3:00; found {len(fields)}"
        )
    for field, (name, lowest, highest) in zip(fields, _FIELDS, strict=True):
        for part in field.split(","):
            if not _PART.fullmatch(part):
                raise ConfigurationError(f"--cron {text!r}: the {name} {part!r} is no number, range or step")
            for value in re.findall(r"\w+", part.partition("/")[0]):
                _check_value(text, name, value, lowest, highest)
    return " ".join(fields)


def with_seconds(cron: str) -> str:
    """The same for Kubeflow, whose expressions begin with seconds: five fields mean something else there."""
    return f"0 {cron}"


def _check_value(text: str, name: str, value: str, lowest: int, highest: int) -> None:
    if value.upper() in _WORDS.get(name, ()):
        return
    if not value.isdecimal() or not lowest <= int(value) <= highest:
        raise ConfigurationError(f"--cron {text!r}: the {name} must be {lowest} to {highest}, found {value}")
