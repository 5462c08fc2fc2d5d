"""A configuration's text, as it is handed on to other machines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from darkroom.configuration.load import overridden_document


def with_overrides(path: Path, overrides: Sequence[str]) -> str:
    """The file's text; with overrides, a text that says the same with them applied, and has lost its comments."""
    text = path.read_text(encoding="utf-8")
    if not overrides:
        return text
    return yaml.safe_dump(overridden_document(text, path, overrides), sort_keys=False, allow_unicode=True)
