"""docs/monitoring.md says what is."""

import re
from pathlib import Path

from preprocessing.population.population import CATEGORICAL, NUMERIC
from tests.serving.gateway.drift.test_drift import baseline_of
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.running import eventually, running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)

TEXT = (Path(__file__).parents[3] / "docs" / "monitoring.md").read_text()


def test_every_metric_that_the_page_names_is_there(backend, tmp_path):
    backend.described = {"baseline": baseline_of(RED)}
    settings = {"prediction_log": {"folder": str(tmp_path)}, "drift": {"min_images": 1}}
    with running_gateway(backend.address, **settings) as gateway:
        gateway.post(RED)
        eventually(lambda: "drift_psi{" in gateway.get("/metrics").text)
        served = gateway.get("/metrics").text

    named = set(re.findall(r"`(darkroom_gateway_\w+)`", TEXT))
    assert len(named) > 10
    assert [name for name in sorted(named) if f"# TYPE {name.removesuffix('_total')}" not in served] == []
    features = set(re.findall(r'drift_psi\{feature="(\w+)"', served))
    assert {"pixels", "aspect_ratio", "encoded_bytes", "format", "predicted_class", "confidence"} <= features
    assert features <= {*NUMERIC, *CATEGORICAL}
