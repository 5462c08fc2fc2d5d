"""Requests that were let in and have no slot yet."""

import asyncio

from serving.gateway.overload.door import Door


def test_a_ticket_counts_until_it_is_closed_and_only_once():
    async def run():
        door = Door()
        first, second = door.enter(), door.enter()
        first.close()
        first.close()
        between = door.arriving
        second.close()
        return between, door.arriving

    assert asyncio.run(run()) == (1, 0)


def test_a_body_that_does_not_come_counts_for_a_few_turns_of_the_loop():
    async def run():
        door = Door()
        slow = door.enter()
        await asyncio.sleep(0)
        at_first = door.arriving
        for _ in range(10):
            await asyncio.sleep(0)
        later = door.arriving
        slow.close()
        return at_first, later, door.arriving

    assert asyncio.run(run()) == (1, 0, 0)
