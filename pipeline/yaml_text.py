"""YAML for people and machines: texts of several lines are seen as such, and nothing is abbreviated by an anchor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _Dumper.represent_text)


def yaml_of(documents: Sequence[Any], *, sort_keys: bool) -> str:
    """The documents, one after the other."""
    return str(yaml.dump_all(documents, Dumper=_Dumper, sort_keys=sort_keys, allow_unicode=True, width=120))
