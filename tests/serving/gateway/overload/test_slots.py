"""Who gets a slot, who waits, and who is turned away."""

import asyncio

import pytest

from serving.gateway.overload.adaptive_limit import AdaptiveLimit
from serving.gateway.overload.errors import OverloadedError, Shed
from serving.gateway.overload.slots import Slots


def slots(most, max_queue_seconds=0.0):
    return Slots(AdaptiveLimit(most, None), max_queue_seconds=max_queue_seconds, retry_after_seconds=1)


async def holding(places, started, end, seconds=10.0):
    async with places.slot(seconds):
        started.append(asyncio.current_task().get_name())
        await end.wait()


async def turns():
    for _ in range(10):
        await asyncio.sleep(0)


def test_without_a_queue_a_full_house_refuses_at_once():
    async def run():
        places, end = slots(1), asyncio.Event()
        first = asyncio.create_task(holding(places, [], end))
        await turns()
        with pytest.raises(OverloadedError) as refused:
            async with places.slot(10):
                pass
        end.set()
        await first
        return refused.value, places.in_use

    error, left = asyncio.run(run())
    assert error.reason is Shed.CONCURRENCY
    assert left == 0


def test_who_waits_longest_is_next():
    async def run():
        places, started = slots(2, max_queue_seconds=30), []
        ends = {name: asyncio.Event() for name in "abcd"}
        tasks = []
        for name in "abcd":
            tasks.append(asyncio.create_task(holding(places, started, ends[name]), name=name))
            await turns()
        seen = [list(started)]
        for name in "ab":
            ends[name].set()
            await turns()
            seen.append(list(started))
        for name in "cd":
            ends[name].set()
        await asyncio.gather(*tasks)
        return seen, places.in_use

    seen, left = asyncio.run(run())
    assert seen == [["a", "b"], ["a", "b", "c"], ["a", "b", "c", "d"]]
    assert left == 0


def test_a_wait_ends_with_the_queue_time():
    async def run():
        places, end = slots(1, max_queue_seconds=0.01), asyncio.Event()
        first = asyncio.create_task(holding(places, [], end))
        await turns()
        with pytest.raises(OverloadedError) as refused:
            async with places.slot(10):
                pass
        queued = places.queued
        end.set()
        await first
        return refused.value, queued, places.in_use

    error, queued, left = asyncio.run(run())
    assert error.reason is Shed.QUEUE_TIME
    assert "0.01 s" in error.message
    assert (queued, left) == (0, 0)


def test_the_queue_is_as_long_as_the_house_is_large():
    async def run():
        places, end = slots(2, max_queue_seconds=30), asyncio.Event()
        tasks = [asyncio.create_task(holding(places, [], end)) for _ in range(4)]
        await turns()
        with pytest.raises(OverloadedError) as refused:
            async with places.slot(10):
                pass
        end.set()
        await asyncio.gather(*tasks)
        return refused.value

    assert asyncio.run(run()).reason is Shed.CONCURRENCY


@pytest.mark.parametrize("handed_on", [False, True])
def test_a_client_that_leaves_the_queue_leaves_no_slot_taken(handed_on):
    async def run():
        places, end, started = slots(1, max_queue_seconds=30), asyncio.Event(), []
        first = asyncio.create_task(holding(places, started, end))
        await turns()
        leaving = asyncio.create_task(holding(places, started, end))
        await turns()
        if handed_on:
            # The slot is the waiter's already when the waiter is cancelled.
            end.set()
            await asyncio.sleep(0)
            assert first.done() or places.in_use == 1
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        end.set()
        await first
        async with places.slot(10):
            return places.in_use, places.queued

    assert asyncio.run(run()) == (1, 0)


def test_a_limit_that_grows_lets_the_queue_in():
    async def run():
        limit = AdaptiveLimit(2, 0.02)
        places = Slots(limit, max_queue_seconds=30, retry_after_seconds=1)
        limit.current = 1
        end, started = asyncio.Event(), []
        tasks = [asyncio.create_task(holding(places, started, end), name=str(n)) for n in range(2)]
        await turns()
        before = len(started)
        limit.note(0.0, places.take_most_in_use())
        places.hand_on()
        await turns()
        after = len(started)
        end.set()
        await asyncio.gather(*tasks)
        return before, after

    assert asyncio.run(run()) == (1, 2)
