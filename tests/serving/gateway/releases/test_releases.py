"""Stable and canary, from every protocol to model servers with several versions."""

import grpc
import httpx
import pytest

from serving.gateway.releases.assignment import is_assigned
from serving.protos import get_model_metadata_pb2, prediction_service_pb2_grpc
from tests.serving.gateway.asking import EVERY_WAY, grpc_predict, image_body
from tests.serving.gateway.fake_backend import FakeBackend
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.running import eventually, running_gateway
from tests.serving.gateway.test_metrics import samples, value

pytest_plugins = ("tests.serving.gateway.fixtures",)

HALF = {"stable": 1, "canary": {"target": 2, "weight": 0.5}, "sticky_header": "client"}
ALL = {"stable": 1, "canary": {"target": 2, "weight": 1.0, "stop": None}}

OF_STABLE = next(name for name in map(str, range(99)) if not is_assigned(0.5, name, "2"))
OF_CANARY = next(name for name in map(str, range(99)) if is_assigned(0.5, name, "2"))


def by_version(gateway, name, **labels):
    found = samples(gateway)
    return {arm: value(found, name, arm=arm, **labels) for arm in ("stable", "canary")}


@pytest.fixture
def backend(backend):
    backend.loaded = {1, 2, 3}
    return backend


@pytest.mark.parametrize("ask", EVERY_WAY, ids=lambda ask: ask.__name__)
def test_the_header_decides_in_every_protocol(backend, ask):
    with running_gateway(backend.address, releases=HALF) as gateway:
        assert {ask(gateway, client=OF_STABLE) for _ in range(5)} == {1}
        assert {ask(gateway, client=OF_CANARY) for _ in range(5)} == {2}
        assert by_version(gateway, "release_requests_total", code="OK") == {"stable": 5, "canary": 5}
        assert gateway.get("/readyz").json()["version"] == "1"


def test_without_the_header_requests_are_shared(backend):
    with running_gateway(backend.address, releases=HALF) as gateway:
        assert {grpc_predict(gateway) for _ in range(40)} == {1, 2}


def test_labels_are_targets_too(backend):
    backend.labels = {"stable": 1, "canary": 2}
    settings = {"stable": "stable", "canary": {"target": "canary", "weight": 1.0}}
    with running_gateway(backend.address, releases=settings) as gateway:
        assert {ask(gateway) for ask in EVERY_WAY} == {2}
        backend.labels["canary"] = 3
        assert {ask(gateway) for ask in EVERY_WAY} == {3}


@pytest.mark.parametrize(("path", "version"), [("/versions/1", "1"), ("/versions/3", "3"), ("/labels/newest", "3")])
def test_a_request_that_names_a_version_or_label_gets_it(backend, path, version):
    backend.labels = {"newest": 3}
    with running_gateway(backend.address, releases=ALL) as gateway:
        answer = httpx.post(
            f"{gateway.url}/v1/models/pets{path}:predict",
            content=RED,
            headers={"content-type": "image/png"},
            verify=False,
        )

        assert answer.json()["model"]["version"] == version
        assert by_version(gateway, "release_requests_total") == {"stable": 0, "canary": 0}


def test_questions_about_the_model_mean_stable(backend):
    with running_gateway(backend.address, releases=ALL) as gateway:
        assert gateway.get("/v1/models/pets/metadata").json()["model_spec"]["version"] == "1"
        gateway.get("/v2/models/pets").raise_for_status()
        with grpc.insecure_channel(gateway.grpc) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
            assert stub.GetModelMetadata(asked, timeout=10).model_spec.version.value == 1


def test_a_canary_that_is_not_loaded_costs_no_request(backend):
    backend.loaded = {1}
    with running_gateway(backend.address, releases=ALL) as gateway:
        assert {ask(gateway) for ask in EVERY_WAY} == {1}
        assert value(samples(gateway), "release_fallbacks_total", arm="canary", reason="not_loaded") == len(EVERY_WAY)


def test_a_canary_that_is_unloaded_between_two_looks_costs_no_request(backend):
    with running_gateway(backend.address, releases=ALL, status_poll_seconds=60) as gateway:
        backend.loaded = {1}

        assert {ask(gateway) for ask in EVERY_WAY} == {1}
        assert value(samples(gateway), "release_fallbacks_total", arm="canary", reason="not_loaded") == len(EVERY_WAY)
        assert gateway.get("/releases").json()["canary"]["window"]["canary"]["errors"] == 0


def test_a_canary_label_that_is_not_attached_costs_no_request(backend):
    settings = {"stable": 1, "canary": {"target": "canary", "weight": 1.0}}
    with running_gateway(backend.address, releases=settings) as gateway:
        assert {ask(gateway) for ask in EVERY_WAY} == {1}
        assert value(samples(gateway), "release_fallbacks_total", arm="canary", reason="not_loaded") == 6


def test_what_only_the_canary_refuses_is_answered_by_stable_and_counts_against_the_canary(backend):
    def refuse(request, context):
        if backend.version_of(request.model_spec) == 2:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "another input is wanted")

    backend.before_predict = refuse
    with running_gateway(backend.address, releases=ALL) as gateway:
        assert image_body(gateway) == 1
        assert value(samples(gateway), "release_errors_total", arm="canary", code="INVALID_ARGUMENT") == 1
        assert value(samples(gateway), "release_fallbacks_total", arm="canary", reason="misfit") == 1


def test_what_both_refuse_is_the_requests_fault(backend):
    backend.before_predict = lambda request, context: context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no")
    with running_gateway(backend.address, releases=ALL) as gateway:
        assert gateway.post(RED).status_code == 400
        assert value(samples(gateway), "release_errors_total") == 0


def test_a_refused_image_is_no_ones_fault(backend):
    with running_gateway(backend.address, releases=ALL) as gateway:
        assert gateway.post(b"text").json()["reason"] == "unknown_format"
        assert (len(backend.requests), value(samples(gateway), "release_errors_total")) == (0, 0)


def test_a_stable_version_that_is_not_loaded_is_the_gateways_fault(backend):
    with running_gateway(backend.address, releases={"stable": 9}, wait_ready=False) as gateway:
        eventually(lambda: "version 9" in gateway.get("/readyz").json()["reason"])
        answer = gateway.post(RED)

        assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
        assert "version 9" in answer.json()["error"]
        backend.loaded = {1, 9}
        eventually(lambda: gateway.get("/readyz").status_code == 200)
        assert image_body(gateway) == 9


def test_the_stable_version_before_answers_until_the_new_one_is_loaded(backend):
    with running_gateway(backend.address, releases={"stable": 1}) as gateway:
        gateway.loop.call_soon_threadsafe(gateway.gateway.releases.configure, _settings({"stable": 9}))
        assert (image_body(gateway), gateway.get("/readyz").status_code) == (1, 200)
        assert value(samples(gateway), "release_fallbacks_total", arm="stable", reason="not_loaded") == 1
        backend.loaded = {1, 9}
        eventually(lambda: image_body(gateway) == 9)


def test_stable_versions_that_change_between_two_looks_cost_no_request(backend):
    with running_gateway(backend.address, releases={"stable": 1}, status_poll_seconds=60) as gateway:
        gateway.loop.call_soon_threadsafe(gateway.gateway.releases.configure, _settings({"stable": 9}))
        backend.loaded = {9}

        assert {ask(gateway) for ask in EVERY_WAY} == {9}


def test_requests_go_to_the_server_that_has_the_version(backend):
    with FakeBackend() as other:
        other.loaded = {5}
        with running_gateway(backend.address, other.address, releases={"stable": 5}) as gateway:
            assert {image_body(gateway) for _ in range(6)} == {5}


def _settings(values):
    from serving.gateway.releases.settings import ReleaseSettings

    return ReleaseSettings(**values)
