"""From the alert about drift to a run in Kubeflow: a real Alertmanager with the cluster's routes, the receiver, and a
server that speaks Kubeflow's API."""

import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest
import yaml

from tests.monitoring.programs import listening
from tests.monitoring.sources import MONITORING
from tests.pipeline.kubeflow.api_server import Kubeflow, serving
from tests.serving.gateway.running import eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("prometheus-alertmanager") is None,
        reason="prometheus-alertmanager is missing: install Debian's package of that name",
    ),
]

TOKEN = "a token of many letters"


@contextmanager
def receiver(folder):
    """`darkroom alert-receiver`; its address and its log."""
    with (folder / "receiver.log").open("ab") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "darkroom.cli", "alert-receiver", "--port", "0"),
                *("--config", str(folder / "darkroom.yaml"), "--token-file", str(folder / "token")),
            ],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}"
    finally:
        process.terminate()
        assert process.wait(60) == 0
        process.stdout.close()


@contextmanager
def alertmanager(folder, url):
    """With the cluster's configuration, its waits shortened."""
    configuration = yaml.safe_load((MONITORING / "alertmanager.yaml").read_text())
    route = configuration["route"]
    route |= {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1s"}
    route["routes"][0]["repeat_interval"] = "1s"
    [webhook] = configuration["receivers"][1]["webhook_configs"]
    webhook["url"] = f"{url}/alerts"
    webhook["http_config"]["authorization"]["credentials_file"] = str(folder / "token")
    (folder / "alertmanager.yaml").write_text(yaml.safe_dump(configuration))
    arguments = [
        f"--config.file={folder / 'alertmanager.yaml'}",
        f"--storage.path={folder / 'alertmanager'}",
        "--cluster.listen-address=",
    ]
    with listening("prometheus-alertmanager", arguments, folder / "alertmanager.log", "/-/ready") as address:
        yield address


def fire(address, feature, model="pets"):
    """What Prometheus sends when the rule fires."""
    labels = {"alertname": "DarkroomDrift", "model": model, "version": "3", "feature": feature, "severity": "ticket"}
    alerts = [{"labels": labels, "startsAt": datetime.now(UTC).isoformat()}]
    assert httpx.post(f"{address}/api/v2/alerts", json=alerts, timeout=10).status_code == 200


def test_drift_starts_one_run_whatever_alertmanager_repeats(tmp_path):
    kubeflow = Kubeflow()
    (tmp_path / "token").write_text(TOKEN)
    log = tmp_path / "receiver.log"

    def told(what):
        return what in log.read_text()

    with serving(kubeflow) as api:
        (tmp_path / "darkroom.yaml").write_text(
            f"data: {{images: images}}\nmodel: {{name: pets}}\npipeline: {{metadata: {{host: 127.0.0.1}}}}\n"
            f"kubeflow: {{host: '{api}'}}\n"
        )
        with receiver(tmp_path) as url, alertmanager(tmp_path, url) as address:
            fire(address, "brightness", model="other")
            eventually(lambda: told("not_meant"), 30)
            fire(address, "brightness")
            eventually(lambda: told("The run for drift: exit code 0"), 60)
            # Alertmanager sends it again as long as it fires, and then another one.
            eventually(lambda: told("answered_before"), 30)
            fire(address, "predicted_class")
            eventually(lambda: told("too_soon"), 30)
        with receiver(tmp_path) as url:
            payload = {"version": "4", "alerts": []}
            answer = httpx.post(f"{url}/alerts", json=payload, headers={"authorization": "Bearer a wrong one"})
            assert answer.status_code == 401

    [run] = kubeflow.runs.values()
    assert run.runtime_config.parameters["trigger"] == "drift"
    assert TOKEN not in log.read_text()
