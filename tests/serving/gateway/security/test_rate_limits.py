"""Token buckets, with a clock that the test sets."""

import grpc
import pytest

from serving.gateway.security import access
from serving.gateway.security.errors import RateLimitedError
from serving.gateway.security.principal import Principal, Scope
from serving.gateway.security.rate_limits import RateLimits
from serving.gateway.security.settings import RateLimitSettings
from serving.protos import predict_pb2
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.security.secured import KeyFile, secured_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)


class Clock:
    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


def caller(name="a", limit=None, kind="api_key"):
    return Principal(kind, name, frozenset(Scope), limit)


def limits(clock, **settings):
    return RateLimits(RateLimitSettings(**settings), clock)


def let_in(limits, principal, times=1, *, with_images=False):
    """How many of these requests are let in."""
    count = 0
    for _ in range(times):
        try:
            limits.take_request(principal, with_images=with_images)
        except RateLimitedError:
            continue
        count += 1
    return count


def test_a_burst_is_let_in_and_then_the_rate(clock):
    buckets = limits(clock, requests_per_second=2, request_burst=5)
    assert let_in(buckets, caller(), 10) == 5
    clock.seconds += 1
    assert let_in(buckets, caller(), 10) == 2
    clock.seconds += 0.25
    assert let_in(buckets, caller()) == 0
    clock.seconds += 0.25
    assert let_in(buckets, caller()) == 1
    clock.seconds += 3600
    assert let_in(buckets, caller(), 10) == 5


def test_it_says_when_to_come_again(clock):
    buckets = limits(clock, requests_per_second=0.1)
    assert let_in(buckets, caller()) == 1
    clock.seconds += 2.5
    with pytest.raises(RateLimitedError) as failure:
        buckets.take_request(caller(), with_images=False)
    assert failure.value.retry_after_seconds == 8
    clock.seconds += 8
    assert let_in(buckets, caller()) == 1


def test_callers_do_not_share(clock):
    buckets = limits(clock, requests_per_second=1)

    assert [let_in(buckets, caller(name, kind=kind)) for name, kind in (("a", "api_key"), ("b", "api_key"))] == [1, 1]
    assert let_in(buckets, caller("a", kind="jwt")) == 1
    assert let_in(buckets, caller("a")) == 0


def test_a_key_may_have_a_limit_of_its_own_that_changes(clock):
    buckets = limits(clock, requests_per_second=1)
    own = RateLimitSettings(requests_per_second=1, request_burst=3)

    assert let_in(buckets, caller("a", own), 9) == 3
    assert let_in(buckets, caller("a", RateLimitSettings()), 9) == 9


def test_a_request_with_more_images_than_the_burst_is_answered_and_paid_for_later(clock):
    buckets = limits(clock, images_per_second=10)
    assert let_in(buckets, caller(), with_images=True) == 1
    buckets.take_images(caller(), 64)
    clock.seconds += 5.4
    assert let_in(buckets, caller(), with_images=True) == 0
    assert let_in(buckets, caller(), with_images=False) == 1
    clock.seconds += 0.1
    assert let_in(buckets, caller(), with_images=True) == 1


def test_requests_at_the_same_time_do_not_all_spend_the_last_token(clock):
    buckets = limits(clock, images_per_second=10)
    assert let_in(buckets, caller(), 3, with_images=True) == 3
    buckets.take_images(caller(), 64)

    with pytest.raises(RateLimitedError):
        buckets.take_images(caller(), 64)


def test_the_number_of_callers_that_are_remembered_is_bounded(clock, monkeypatch):
    monkeypatch.setattr("serving.gateway.security.rate_limits._MOST_CALLERS", 3)
    buckets = limits(clock, requests_per_second=1)
    for name in "abcd":
        let_in(buckets, caller(name))

    assert let_in(buckets, caller("d")) == 0
    assert len(buckets._buckets) == 3


@pytest.fixture
def limited(backend, clock, monkeypatch, tmp_path):
    """A gateway whose key `k` may send 1 request at once and half of one a second, `i` 4 images a second."""
    monkeypatch.setattr(access, "RateLimits", lambda settings: RateLimits(settings, clock))
    file = KeyFile(tmp_path / "keys.json")
    keys = {"k": file.add("k", requests_per_second=0.5), "i": file.add("i", images_per_second=4)}
    with secured_gateway(backend.address, file) as gateway:
        yield gateway, keys


def test_rest_answers_429_with_retry_after_and_counts_by_key(limited, clock):
    gateway, keys = limited
    assert gateway.post(RED, x_api_key=keys["k"]).status_code == 200
    refused = gateway.post(RED, x_api_key=keys["k"])
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
    assert refused.json()["code"] == "RESOURCE_EXHAUSTED"
    clock.seconds += 2
    assert gateway.post(RED, x_api_key=keys["k"]).status_code == 200

    metrics = gateway.get("/metrics").text
    assert 'darkroom_gateway_rate_limited_requests_total{key="k"} 1.0' in metrics
    # Load is another matter.
    assert "darkroom_gateway_shed_requests_total{" not in metrics


def test_grpc_answers_resource_exhausted_with_a_pushback(limited):
    gateway, keys = limited
    metadata = (("x-api-key", keys["k"]),)
    with grpc.insecure_channel(gateway.grpc) as channel:
        ask = channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            request_serializer=predict_pb2.PredictRequest.SerializeToString,
            response_deserializer=predict_pb2.PredictResponse.FromString,
        )
        request = predict_pb2.PredictRequest()
        request.inputs["image_bytes"].dtype = 7
        request.inputs["image_bytes"].tensor_shape.dim.add(size=1)
        request.inputs["image_bytes"].string_val.append(RED)
        ask(request, metadata=metadata, timeout=10)
        with pytest.raises(grpc.RpcError) as failure:
            ask(request, metadata=metadata, timeout=10)

    assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert dict(failure.value.trailing_metadata())["grpc-retry-pushback-ms"] == "2000"


def test_images_are_counted_and_not_requests_where_images_are_limited(limited, clock):
    gateway, keys = limited
    boundary = "x"
    part = b'--x\r\ncontent-disposition: form-data; name="i"; filename="i"\r\n\r\n' + RED + b"\r\n"
    body, kind = part * 8 + b"--x--\r\n", f"multipart/form-data; boundary={boundary}"

    assert gateway.post(body, content_type=kind, x_api_key=keys["i"]).status_code == 200
    assert gateway.post(RED, x_api_key=keys["i"]).headers["retry-after"] == "2"
    clock.seconds += 2
    assert gateway.post(RED, x_api_key=keys["i"]).status_code == 200
    # A refused image was not looked at by the model.
    clock.seconds += 3600
    assert [gateway.post(b"no image", x_api_key=keys["i"]).status_code for _ in range(9)] == [400] * 9
