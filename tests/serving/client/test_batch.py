"""Many files: order, requests at once, and what ends the whole."""

import asyncio
import threading
import time

import pytest

from serving.client import AsyncGatewayClient, RetryPolicy
from serving.client.batch import score_files
from serving.client.folder import images_below
from serving.errors import Code, ServingError
from tests.serving.gateway.pictures import RED, noisy_jpeg
from tests.serving.gateway.running import running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)


@pytest.fixture
def folder(tmp_path):
    for index in range(30):
        (tmp_path / f"{index:02}.png").write_bytes(RED)
    return tmp_path


def score(address, paths, *, until=None, **options):
    async def run():
        found = []
        async with AsyncGatewayClient(address, retry=RetryPolicy(2, 0.01)) as client:
            async for outcome in score_files(client, paths, **options):
                found.append(outcome)
                if len(found) == until:
                    break
        return found

    return asyncio.run(run())


def test_outcomes_come_in_order_and_a_bad_image_costs_no_other(backend, folder):
    (folder / "03.png").write_bytes(b"text")
    (folder / "05.png").write_bytes(noisy_jpeg()[:3000])
    (folder / "07.png").unlink()
    paths = [folder / f"{index:02}.png" for index in range(30)]
    with running_gateway(backend.address) as gateway:
        found = score(f"127.0.0.1:{gateway.rest_port}", paths, in_flight=8)

    assert [outcome.path for outcome in found] == paths
    failed = {outcome.path.name: outcome.reason for outcome in found if outcome.prediction is None}
    assert failed == {"03.png": "unknown_format", "05.png": "truncated", "07.png": None}
    assert all(outcome.is_final for outcome in found)


def test_so_many_requests_are_in_flight_and_no_more(backend, folder):
    lock, now, most = threading.Lock(), [0], [0]

    def count(request, context):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.05)
        with lock:
            now[0] -= 1

    backend.before_predict = count
    with running_gateway(backend.address) as gateway:
        score(f"127.0.0.1:{gateway.rest_port}", images_below([folder]), in_flight=6)

    assert most[0] == 6


def test_files_are_taken_as_they_are_needed(backend, folder):
    taken = []

    def paths():
        for index in range(30):
            taken.append(index)
            yield folder / f"{index:02}.png"

    with running_gateway(backend.address) as gateway:
        score(f"127.0.0.1:{gateway.rest_port}", paths(), in_flight=2, until=1)

    assert len(taken) <= 10


def test_a_model_that_is_not_there_ends_the_whole(backend, folder):
    async def run(address):
        async with AsyncGatewayClient(address, model="birds") as client:
            return [outcome async for outcome in score_files(client, images_below([folder]))]

    with running_gateway(backend.address) as gateway, pytest.raises(ServingError) as failure:
        asyncio.run(run(f"127.0.0.1:{gateway.rest_port}"))

    assert failure.value.code is Code.NOT_FOUND


def test_images_are_found_below_folders_in_order(tmp_path):
    for name in ("b/2.JPG", "b/1.png", "a.webp", "notes.txt", ".hidden/x.png", "b/.x.png", "c/d/e.jpeg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    found = [str(path.relative_to(tmp_path)) for path in images_below([tmp_path, tmp_path / "notes.txt"])]

    assert found == ["a.webp", "b/1.png", "b/2.JPG", "c/d/e.jpeg", "notes.txt"]
