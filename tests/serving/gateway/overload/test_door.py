"""Requests that were let in and have no slot yet."""

from serving.gateway.overload.door import Door


def test_a_ticket_counts_until_it_is_closed_and_only_once():
    door = Door()
    first, second = door.enter(), door.enter()
    first.close()
    first.close()
    assert door.arriving == 1
    second.close()
    assert door.arriving == 0


def test_a_slow_body_counts_no_longer_after_a_while():
    now = [0.0]
    door = Door(lambda: now[0])
    slow = door.enter()
    now[0] = 0.05
    door.enter()
    now[0] = 0.12
    door.expire()
    assert door.arriving == 1
    slow.close()
    assert door.arriving == 1
