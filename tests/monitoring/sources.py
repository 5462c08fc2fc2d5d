"""The rules and dashboards of k8s/overlays/monitoring, read."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "k8s" / "overlays" / "monitoring"
RULE_FILES = sorted((MONITORING / "rules").glob("*.yaml"))


def rules_of(path: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


RULES = [rule for path in RULE_FILES for rule in rules_of(path)]
ALERTS = [rule for rule in RULES if "alert" in rule]
DASHBOARDS = {path.name: json.loads(path.read_text()) for path in sorted((MONITORING / "dashboards").glob("*.json"))}


def promtool(*arguments: str) -> None:
    found = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
