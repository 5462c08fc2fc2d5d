"""Rules and dashboards against the product itself: a gateway with the cluster's configuration, the model server that it
names, and what runs pushed, scraped by a real Prometheus with the configuration that clusters without the operator get.
"""

import json
import re
import shutil
import subprocess
import sys

import httpx
import pytest
import yaml

from pipeline.runs.run_metrics import push
from tests.monitoring.programs import listening
from tests.monitoring.runs import pushed
from tests.monitoring.sources import DASHBOARDS, MONITORING, ROOT, RULES
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.process import ServeProcess
from tests.serving.gateway.running import eventually

pytest_plugins = ("tests.monitoring.programs", "tests.serving.gateway.fixtures")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is missing: install Debian's package"),
]

CLUSTER = ROOT / "k8s" / "base" / "darkroom.yaml"
# Made by rules, and by Prometheus itself.
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
# Not inside a string, where it may be a label's value.
NAME = re.compile(r"(?<![\w:\"])(?::tensorflow:[\w:]+|darkroom[\w:]+|process_\w+|push_\w+)")
# What does not happen here, or not yet: releases, drift (300 images), errors, a second model server.
QUIET = re.compile(
    "release|canary|shadow|drift|errors|slow_requests|ejections|circuit|retries|retry_budget|restarts|shed|rate_limited"
    "|access_denied|refused_images|prediction_log|brightness|latency_sum|warmup|:confidence:"
)


@pytest.fixture(scope="module")
def model_server(repository, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model-server")
    (folder / "batching").write_text((ROOT / "k8s" / "base" / "batching.config").read_text())
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "darkroom.cli", "model-server", "--port", "0", "--rest-api-port", "0"),
                *("--model-name", "pets", "--model-base-path", str(repository / "pets")),
                *("--enable-batching", "--batching-parameters-file", str(folder / "batching")),
                *("--monitoring-config-file", str(ROOT / "k8s" / "base" / "monitoring.config")),
            ],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def gateway(model_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    backend = f"127.0.0.1:{model_server['grpc_port']}"
    # The cluster's file as it stands; what it leaves off has metrics too.
    (folder / "darkroom.yaml").write_text(CLUSTER.read_text() + "  prediction_log:\n    folder: requests\n")
    arguments = ["--config", str(folder / "darkroom.yaml"), "--host", "127.0.0.1", "--backend", backend]
    with ServeProcess(arguments, stderr_path=folder / "stderr") as process:
        process.wait_until_ready()
        yield process
        # Its drain delay of ten seconds is for clusters.
        process.process.kill()
        process.process.wait()


def test_the_clusters_configuration_serves(gateway):
    assert gateway.predict(RED).json()["predictions"][0]["label"] == "cat"


@pytest.fixture(scope="module")
def prometheus(gateway, model_server, pushgateway, tmp_path_factory):
    push(pushgateway, pushed("pets"))
    folder = tmp_path_factory.mktemp("prometheus")
    configuration = yaml.safe_load((MONITORING / "prometheus.yaml").read_text())
    configuration["global"] = {"scrape_interval": "2s", "evaluation_interval": "2s"}
    [alertmanagers] = configuration["alerting"]["alertmanagers"]
    alertmanagers["static_configs"] = [{"targets": ["127.0.0.1:9"]}]
    configuration["rule_files"] = [str(MONITORING / path) for path in configuration["rule_files"]]
    targets = {
        "gateway": gateway.rest,
        "model-server": f"127.0.0.1:{model_server['rest_port']}",
        "pushgateway": pushgateway.removeprefix("http://"),
    }
    for job in configuration["scrape_configs"]:
        for cluster_only in ("kubernetes_sd_configs", "relabel_configs"):
            job.pop(cluster_only, None)
        job["static_configs"] = [{"targets": [targets[job["job_name"]]], "labels": {"namespace": "darkroom"}}]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
    arguments = [f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'data'}"]
    with listening("prometheus", arguments, folder / "log", "/-/ready") as url:
        # Rates need two samples; requests go on until there are.
        def counted():
            gateway.predict(RED)
            return all(
                query(url, rate)
                for rate in ("darkroom:requests:rate5m > 0", "rate(:tensorflow:serving:request_count[1m]) > 0")
            )

        eventually(counted, 30)
        yield url


def query(url, expression):
    answer = httpx.get(f"{url}/api/v1/query", params={"query": expression}, timeout=10).json()
    assert answer["status"] == "success", (expression, answer)
    return answer["data"]["result"]


def concrete(expression):
    for variable, value in {"$__rate_interval": "1m", "$model": ".*", "$version": ".*"}.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression, expression
    return expression


PANELS = [
    (f"{name}: {panel['title']}", concrete(target["expr"]))
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
    for target in panel.get("targets", ())
]


@pytest.fixture(scope="module")
def exported(prometheus):
    """The names of all series that the scraped programs may have, from their own type lines."""
    names = set()
    metadata = httpx.get(f"{prometheus}/api/v1/targets/metadata", timeout=10).json()["data"]
    for entry in metadata:
        name, kind = entry["metric"], entry["type"]
        names.add(name)
        if kind in ("histogram", "summary"):
            names |= {f"{name}_{part}" for part in ("bucket", "sum", "count")}
        if kind == "counter":
            names.add(name if name.startswith(":") or name.endswith("_total") else f"{name}_total")
    return names


def test_every_rule_parses_and_names_what_is_exported(prometheus, exported):
    assert len(RULES) > 40
    for rule in RULES:
        query(prometheus, rule["expr"])
        assert set(NAME.findall(rule["expr"])) - RECORDED - exported == set(), rule


def test_prometheus_evaluates_every_rule_without_an_error(prometheus):
    groups = httpx.get(f"{prometheus}/api/v1/rules", timeout=10).json()["data"]["groups"]
    assert sum(len(group["rules"]) for group in groups) == len(RULES)
    assert [rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "err"] == []


def test_nothing_is_alarming_about_a_product_that_works(prometheus):
    alerts = httpx.get(f"{prometheus}/api/v1/alerts", timeout=10).json()["data"]["alerts"]
    assert [alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"] == []


def test_every_panel_parses_and_names_what_is_exported(prometheus, exported):
    assert len(PANELS) > 50
    for title, expression in PANELS:
        query(prometheus, expression)
        assert set(NAME.findall(expression)) - RECORDED - exported == set(), title


def test_panels_about_what_happened_show_something(prometheus):
    wanted = [(title, expression) for title, expression in PANELS if not QUIET.search(expression)]
    assert len(wanted) > 25
    eventually(lambda: [title for title, expression in wanted if not query(prometheus, expression)] == [], 20)


def test_every_variable_of_a_dashboard_finds_its_values(prometheus):
    for name, dashboard in DASHBOARDS.items():
        assert {"model"} <= {variable["name"] for variable in dashboard["templating"]["list"]}
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
                found = query(prometheus, concrete(series))
                assert [result for result in found if result["metric"].get(label)], (name, variable["name"])


def test_the_operators_rules_are_those_of_plain_prometheus():
    script = MONITORING / "render_prometheus_rule.py"
    made = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert (MONITORING / "prometheus-rule.yaml").read_text() == made.stdout, "run `make docs`"
