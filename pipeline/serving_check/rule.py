"""A rule of the serving check with what came of it, and their file in the blessing artifact."""

from __future__ import annotations

import json

import tensorflow as tf
from pydantic import BaseModel, ConfigDict, TypeAdapter

from pipeline.artifact_files import SERVING_CHECK_FILE, read_text, write_text


class Rule(BaseModel):
    """What was required, what was measured, and whether that is enough.

    Attributes:
        name: for programs.
        sentence: for people.
        passed: None where nothing was required.
        measured: in the unit of the name; None where there is no number.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    sentence: str
    passed: bool | None
    measured: float | None = None


_RULES = TypeAdapter(tuple[Rule, ...])


def at_most(name: str, what: str, unit: str, measured: float, limit: float | None) -> Rule:
    """A rule that a number must keep.

    Args:
        name: for programs.
        what: is measured, as the beginning of a sentence.
        unit: behind the numbers.
        measured: the number.
        limit: None requires nothing.
    """
    if limit is None:
        return Rule(name=name, sentence=f"{what} is {measured:.4g} {unit}.", passed=None, measured=measured)
    passed = measured <= limit
    return Rule(
        name=name,
        sentence=f"{what} must be at most {limit:.4g} {unit} and is {measured:.4g} {unit}: {_word(passed)}.",
        passed=passed,
        measured=measured,
    )


def verdict(name: str, sentence: str, *, passed: bool, measured: float | None = None) -> Rule:
    """A rule whose sentence says what was required and measured; the word for the outcome is added."""
    return Rule(name=name, sentence=f"{sentence}: {_word(passed)}.", passed=passed, measured=measured)


def write_rules(uri: str, rules: tuple[Rule, ...]) -> None:
    """Writes the rules into the artifact."""
    tf.io.gfile.makedirs(uri)
    write_text(f"{uri}/{SERVING_CHECK_FILE}", json.dumps(_RULES.dump_python(rules, mode="json"), indent=2) + "\n")


def read_rules(uri: str) -> tuple[Rule, ...]:
    """Reads the rules of an artifact."""
    return _RULES.validate_json(read_text(f"{uri}/{SERVING_CHECK_FILE}"))


def _word(passed: bool) -> str:
    return "passed" if passed else "failed"
