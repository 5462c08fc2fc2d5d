"""Prints the operator's PrometheusRule with the groups of rules/: `make docs` writes it to prometheus-rule.yaml."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml


def render() -> str:
    """The resource, in YAML."""
    groups = [
        group
        for path in sorted((Path(__file__).parent / "rules").glob("*.yaml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    ]
    resource = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "darkroom"},
        "spec": {"groups": groups},
    }
    header = "# Made by `make docs` from rules/.\n"
    return header + yaml.safe_dump(resource, sort_keys=False, width=120, allow_unicode=True)


if __name__ == "__main__":
    sys.stdout.write(render())
