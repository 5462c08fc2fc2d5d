"""Every alert fires when it should, does not when it should not, and has a place in the runbook."""

import re
import shutil

import pytest
import yaml

from tests.monitoring.rule_cases import CASES
from tests.monitoring.sources import ALERTS, ROOT, RULE_FILES, RULES, promtool

pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing: install prometheus")


def _test(case, series, expected, every):
    return {
        "name": f"{case.alert} {'fires' if expected else 'keeps quiet'}",
        "interval": f"{every}m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{case.alert}", alertstate="firing"}}) > bool 0',
                "eval_time": f"{case.minutes - every}m",
                "exp_samples": [{"labels": "{}", "value": 1}] if expected else [],
            }
        ],
    }


def test_the_rules_are_well_formed():
    promtool("check", "rules", *map(str, RULE_FILES))


def _needed_for(alert):
    """The alert's rule and the rules that it counts with: evaluating all of them for every case takes minutes."""
    [rule] = [rule for rule in ALERTS if rule["alert"] == alert]
    needed = [rule]
    for recorded in reversed([rule for rule in RULES if "record" in rule]):
        if any(recorded["record"] in later["expr"] for later in needed):
            needed.insert(0, recorded)
    return needed


@pytest.mark.parametrize("alert", [rule["alert"] for rule in ALERTS])
def test_it_fires_on_its_history_and_keeps_quiet_on_the_other(alert, tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "needed", "rules": _needed_for(alert)}]}))
    cases = [case for case in CASES if case.alert == alert]
    [every] = {case.every for case in cases}
    tests = [
        _test(case, series, expected, every)
        for case in cases
        for series, expected in ((case.fires, True), (case.quiet, False))
    ]
    written = tmp_path / "tests.yaml"
    written.write_text(yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": f"{every}m", "tests": tests}))

    promtool("test", "rules", str(written))


def test_no_alert_is_without_a_case():
    assert {rule["alert"] for rule in ALERTS} == {case.alert for case in CASES}


def test_every_alert_links_to_its_own_section_of_the_runbook():
    sections = re.findall(r"^### (\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    assert sorted(sections) == sorted(rule["alert"] for rule in ALERTS)
    for rule in ALERTS:
        assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"page", "ticket"}
