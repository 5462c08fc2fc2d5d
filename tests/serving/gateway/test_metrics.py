"""What Prometheus sees."""

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.serving.gateway.pictures import RED, bomb, noisy_jpeg
from tests.serving.gateway.running import running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)


def samples(gateway):
    text = gateway.get("/metrics").text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found, name, **labels):
    return sum(
        number
        for (sample, given), number in found.items()
        if sample == f"darkroom_gateway_{name}" and labels.items() <= dict(given).items()
    )


@pytest.fixture
def gateway(backend):
    with running_gateway(backend.address) as running:
        yield running


def test_requests_are_counted_by_model_version_signature_protocol_and_code(gateway):
    gateway.post(RED)
    gateway.post(RED)
    gateway.post(b"text")

    found = samples(gateway)
    good = {"model": "pets", "version": "1", "signature": "serving_default", "protocol": "rest", "code": "OK"}
    assert value(found, "requests_total", **good) == 2
    assert value(found, "request_seconds_count", **good) == 2
    assert value(found, "requests_total", code="INVALID_ARGUMENT", model="pets") == 1
    assert value(found, "request_errors_total", code="INVALID_ARGUMENT", http_status="400") == 1
    assert value(found, "in_flight_requests") == 0


def test_images_and_refusals_are_counted(gateway):
    gateway.post(RED)
    gateway.post(noisy_jpeg())
    gateway.post(bomb())
    gateway.post(noisy_jpeg()[:3000])

    found = samples(gateway)
    assert value(found, "images_total", format="png") == 1
    assert value(found, "image_bytes_sum", format="png") == len(RED)
    assert value(found, "refused_images_total", reason="too_long_side") == 1
    assert value(found, "refused_images_total", reason="truncated") == 1


def test_predicted_classes_and_confidence_are_counted(gateway):
    gateway.post(RED)

    found = samples(gateway)
    assert value(found, "predicted_classes_total", model="pets", version="1", class_label="cat") == 1
    assert value(found, "confidence_sum", model="pets", version="1") == pytest.approx(0.75)


def test_names_that_clients_invent_make_no_series(gateway):
    for number in range(20):
        httpx.post(
            f"{gateway.url}/v1/models/invented{number}:predict?signature_name=also{number}",
            content=RED,
            headers={"content-type": "image/png"},
        )

    assert "invented" not in gateway.get("/metrics").text
    assert "also" not in gateway.get("/metrics").text
    assert value(samples(gateway), "requests_total", model="unknown") == 20


def test_classes_beyond_the_bound_count_as_other(backend):
    with running_gateway(backend.address, metrics_max_classes=0) as gateway:
        gateway.post(RED)

        assert value(samples(gateway), "predicted_classes_total", class_label="other") == 1


def test_shed_requests_and_backends_are_seen(backend):
    with running_gateway(backend.address, max_buffered_bytes=1024, max_request_bytes=4096) as gateway:
        gateway.post(b"x" * 2000)

        found = samples(gateway)
        assert value(found, "shed_requests_total", protocol="rest") == 1
        assert value(found, "backend_available", backend=backend.address) == 1
        assert value(found, "draining") == 0
        assert ("process_resident_memory_bytes", ()) in found


def test_openmetrics_is_answered_to_who_asks_for_it(gateway):
    answer = httpx.get(f"{gateway.url}/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert list(parse_openmetrics(answer.text))
