"""Which failures are tried again, how long the pauses are, and that the deadline holds over all attempts."""

import asyncio
import threading
import time

import grpc
import pytest

from serving.client import AsyncGatewayClient, BusyError, GatewayClient, RetryPolicy
from serving.errors import Code, ServingError
from tests.serving.gateway.pictures import RED
from tests.serving.gateway.running import eventually, running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)

both = pytest.mark.parametrize("protocol", ["rest", "grpc"])
both_ways = pytest.mark.parametrize("is_async", [False, True], ids=["waits", "awaits"])


def ask(address, *, is_async, images=(RED,), **options):
    if not is_async:
        with GatewayClient(address, **options) as client:
            return client.predict(list(images))

    async def run():
        async with AsyncGatewayClient(address, **options) as client:
            return await client.predict(list(images))

    return asyncio.run(run())


def address_of(gateway, protocol):
    return f"127.0.0.1:{gateway.rest_port}" if protocol == "rest" else gateway.grpc


def failing(backend, times, code=grpc.StatusCode.UNAVAILABLE):
    """Let the model server fail so often, and count what it is asked."""
    asked = []

    def before(request, context):
        asked.append(request)
        if len(asked) <= times:
            context.abort(code, "not now")

    backend.before_predict = before
    return asked


@both
@both_ways
def test_unavailable_is_tried_again(backend, protocol, is_async):
    with running_gateway(backend.address) as gateway:
        asked = failing(backend, 2)
        (found,) = ask(
            address_of(gateway, protocol), protocol=protocol, is_async=is_async, retry=RetryPolicy(first_seconds=0.01)
        )

    assert (found.label, len(asked)) == ("cat", 3)


@both
@both_ways
def test_attempts_are_bounded(backend, protocol, is_async):
    with running_gateway(backend.address) as gateway:
        asked = failing(backend, 99)
        with pytest.raises(ServingError) as failure:
            ask(address_of(gateway, protocol), protocol=protocol, is_async=is_async, retry=RetryPolicy(2, 0.01))

    assert (failure.value.code, len(asked)) == (Code.UNAVAILABLE, 2)


@both
def test_other_errors_are_not_tried_again(backend, protocol):
    with running_gateway(backend.address) as gateway:
        asked = failing(backend, 99, grpc.StatusCode.INTERNAL)
        with pytest.raises(ServingError):
            ask(address_of(gateway, protocol), protocol=protocol, is_async=False)

    assert len(asked) == 1


@both_ways
def test_one_deadline_holds_over_all_attempts(backend, is_async):
    with running_gateway(backend.address) as gateway:
        failing(backend, 10_000)
        started = time.monotonic()
        with pytest.raises(ServingError):
            ask(
                gateway.grpc,
                protocol="grpc",
                is_async=is_async,
                timeout=0.5,
                retry=RetryPolicy(10_000, 0.01, 0.02),
            )

    assert time.monotonic() - started < 1.5
    assert min(backend.seconds_left) < 0.4 < max(backend.seconds_left)


@both
def test_an_overloaded_gateway_is_left_alone_as_long_as_it_asks(backend, protocol):
    with running_gateway(backend.address, max_concurrent_requests=1, retry_after_seconds=1) as gateway:
        backend.sleep(0.5)
        first = threading.Thread(target=gateway.post, args=(RED,))
        first.start()
        eventually(lambda: backend.requests)
        started = time.monotonic()
        (found,) = ask(address_of(gateway, protocol), protocol=protocol, is_async=False)
        first.join()

    assert found.label == "cat"
    assert time.monotonic() - started > 1


def test_a_gateway_that_asks_for_more_time_than_is_left_is_not_waited_for(backend):
    with running_gateway(backend.address) as gateway:
        failing(backend, 99)
        started = time.monotonic()
        with pytest.raises(BusyError):
            ask(address_of(gateway, "rest"), protocol="rest", is_async=False, timeout=0.9)

    assert time.monotonic() - started < 0.8


def test_a_pause_grows_up_to_its_bound_and_fits_the_deadline():
    policy = RetryPolicy(attempts=10, first_seconds=0.1, longest_seconds=0.3)
    error = ServingError(Code.UNAVAILABLE, "")
    longest = [max(policy.pause(attempt, error, 100) for _ in range(300)) for attempt in (1, 2, 3, 4)]

    assert [pytest.approx(bound, rel=0.2) for bound in (0.1, 0.2, 0.3, 0.3)] == longest
    assert policy.pause(10, error, 100) is None
    assert policy.pause(1, BusyError(Code.RESOURCE_EXHAUSTED, "", 5), 4) is None
    assert policy.pause(1, BusyError(Code.RESOURCE_EXHAUSTED, "", 5), 6) >= 5
    assert policy.pause(1, ServingError(Code.RESOURCE_EXHAUSTED, "message too large"), 100) is None


@pytest.mark.parametrize("options", [{"attempts": 0}, {"first_seconds": -1}, {"longest_seconds": -1}])
def test_a_wrong_policy_fails_when_made(options):
    with pytest.raises(ValueError, match=r"at least|negative"):
        RetryPolicy(**options)
