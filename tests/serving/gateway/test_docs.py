"""docs/gateway.md says what is true."""

import base64
import json
import re
import subprocess
from pathlib import Path

from serving.gateway.metrics import GatewayMetrics
from tests.serving.gateway.pictures import RED, picture

pytest_plugins = ("tests.serving.gateway.fixtures",)

TEXT = (Path(__file__).parents[3] / "docs" / "gateway.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_every_curl_example_works(served, tmp_path):
    (tmp_path / "cat.png").write_bytes(RED)
    (tmp_path / "dog.jpg").write_bytes(picture((5, 250, 5), "JPEG"))
    request = {"instances": [{"b64": base64.b64encode(RED).decode()}]}
    (tmp_path / "request.json").write_text(json.dumps(request))
    commands = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("curl ")]

    assert len(commands) >= 8
    for command in commands:
        adapted = command.replace("curl ", "curl -sSf ", 1).replace("127.0.0.1:8080", served.rest)
        done = subprocess.run(
            adapted, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"


def test_every_metric_is_listed_and_exists():
    metrics = GatewayMetrics(max_classes=1)
    names = ("draining", "log_failures", "concurrency_limit", "queued", "loop_lag")
    metrics.watch_values(**dict.fromkeys(names, lambda: 0.0))
    names = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in metrics.registry.collect()
        if family.name.startswith("darkroom_")
    }

    assert set(re.findall(r"`(darkroom_gateway_\w+)`", TEXT)) == names
