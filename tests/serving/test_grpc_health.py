"""gRPC's health service by itself."""

import asyncio
from types import SimpleNamespace

from grpc_health.v1 import health_pb2

from serving.grpc_health import HealthService

STATUS = health_pb2.HealthCheckResponse


def test_a_watcher_that_was_just_told_of_serving_still_hears_of_the_end():
    service = HealthService(lambda: True, ())

    async def heard():
        watch = service.Watch(health_pb2.HealthCheckRequest(), SimpleNamespace(done=lambda: False))
        first = await anext(watch)
        # Before the answer's being sent has come back to the watch.
        service.close()
        return [first.status, *[answer.status async for answer in watch]]

    assert asyncio.run(asyncio.wait_for(heard(), 10)) == [STATUS.SERVING, STATUS.NOT_SERVING]
