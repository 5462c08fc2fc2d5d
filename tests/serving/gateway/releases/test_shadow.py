"""What the shadow does, and that nobody notices."""

import threading

import grpc
import httpx
import pytest

from tests.serving.gateway.asking import EVERY_WAY, image_body
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.running import eventually, running_gateway
from tests.serving.gateway.test_metrics import samples, value

pytest_plugins = ("tests.serving.gateway.fixtures",)


@pytest.fixture
def backend(backend):
    backend.loaded = {1, 2}
    backend.scores = {2: (0.25, 0.75)}
    return backend


def releases(**shadow):
    return {"stable": 1, "shadow": {"target": 2, **shadow}}


def outcomes(gateway, name):
    return value(samples(gateway), "shadow_requests_total", outcome=name)


def test_answers_are_compared_in_every_protocol_and_never_returned(backend):
    with running_gateway(backend.address, releases=releases()) as gateway:
        assert {ask(gateway) for ask in EVERY_WAY} == {1}
        eventually(lambda: outcomes(gateway, "compared") == len(EVERY_WAY))

        found, versions = samples(gateway), {"version": "1", "shadow_version": "2"}
        assert value(found, "shadow_comparisons_total", **versions) == len(EVERY_WAY)
        assert value(found, "shadow_disagreements_total", **versions) == len(EVERY_WAY)
        assert value(found, "shadow_score_difference_sum", **versions) == pytest.approx(0.5 * len(EVERY_WAY))


def test_answers_that_agree_are_no_disagreement(backend):
    backend.scores = {}
    with running_gateway(backend.address, releases=releases()) as gateway:
        image_body(gateway)
        eventually(lambda: outcomes(gateway, "compared") == 1)

        assert value(samples(gateway), "shadow_disagreements_total") == 0


def test_a_slow_shadow_delays_nothing_and_the_excess_is_dropped(backend):
    released = threading.Event()

    def hold(request, context):
        if backend.version_of(request.model_spec) == 2:
            released.wait(20)

    backend.before_predict = hold
    with running_gateway(backend.address, releases=releases(max_in_flight=2)) as gateway:
        for _ in range(5):
            assert image_body(gateway) == 1
        assert outcomes(gateway, "dropped") == 3
        assert gateway.get("/releases").json()["shadow"]["in_flight"] == 2
        released.set()
        eventually(lambda: outcomes(gateway, "compared") == 2)
        image_body(gateway)
        eventually(lambda: outcomes(gateway, "compared") == 3)


def test_the_bytes_of_the_shadow_are_bounded(backend):
    with running_gateway(backend.address, releases=releases(max_bytes=1024)) as gateway:
        gateway.post(RED + b"\0" * 2000)

        assert outcomes(gateway, "dropped") == 1


def test_a_shadow_that_fails_fails_nobody_and_ejects_no_server(backend):
    def fail(request, context):
        if backend.version_of(request.model_spec) == 2:
            context.abort(grpc.StatusCode.UNAVAILABLE, "broken")

    backend.before_predict = fail
    ejection = {"ejection": {"consecutive_failures": 1, "max_share": 0.9}}
    with running_gateway(backend.address, releases=releases(), balancing=ejection) as gateway:
        for _ in range(3):
            assert image_body(gateway) == 1
        eventually(lambda: outcomes(gateway, "UNAVAILABLE") == 3)

        found = samples(gateway)
        assert value(found, "request_errors_total") == 0
        assert value(found, "backend_ejections_total") + value(found, "backend_ejections_spared_total") == 0


def test_a_shadow_that_is_not_loaded_is_not_asked(backend):
    with running_gateway(backend.address, releases=releases(target=7)) as gateway:
        image_body(gateway)

        assert outcomes(gateway, "not_loaded") == 1


def test_requests_that_name_a_version_have_no_shadow(backend):
    with running_gateway(backend.address, releases={"stable": 1, "shadow": {"target": 2}}) as gateway:
        answer = httpx.post(
            f"{gateway.url}/v1/models/pets/versions/1:predict", content=RED, headers={"content-type": "image/png"}
        )

        assert answer.status_code == 200
        assert value(samples(gateway), "shadow_requests_total") == 0


def test_no_share_is_no_shadow(backend):
    with running_gateway(backend.address, releases=releases(share=0.0)) as gateway:
        image_body(gateway)

        assert value(samples(gateway), "shadow_requests_total") == 0


def test_closing_gives_up_what_the_shadow_works_on(backend):
    def hold(request, context):
        if backend.version_of(request.model_spec) == 2:
            backend.sleep(20)
            backend.before_predict(request, context)

    backend.before_predict = hold
    with running_gateway(backend.address, releases=releases()) as gateway:
        image_body(gateway)
        eventually(lambda: gateway.get("/releases").json()["shadow"]["in_flight"] == 1)

    assert backend.cancelled.wait(5)
