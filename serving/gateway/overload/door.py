"""Requests between the door and their slot: those whose bodies arrive."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar

# A body that takes longer comes from a slow client, and slow clients must not keep others out.
_COUNTS_SECONDS = 0.1


class Ticket:
    """One request that was let in."""

    __slots__ = ("_door", "_is_out", "until")

    def __init__(self, door: Door, until: float) -> None:
        self._door = door
        self._is_out = False
        self.until = until

    def close(self) -> None:
        """It has its slot, or is gone, or counts no longer."""
        if not self._is_out:
            self._is_out = True
            self._door.arriving -= 1


# Of the request that is being answered; every request has a task of its own.
CURRENT_TICKET: ContextVar[Ticket | None] = ContextVar("current_ticket", default=None)


class Door:
    """Counts them, so that a crowd that arrives at once is not let in on the strength of one free slot.

    Attributes:
        arriving: requests that were let in lately and have no slot yet.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tickets: deque[Ticket] = deque()
        self.arriving = 0

    def expire(self) -> None:
        """Count no longer what came in a while ago."""
        now = self._clock()
        while self._tickets and self._tickets[0].until <= now:
            self._tickets.popleft().close()

    def enter(self) -> Ticket:
        """Let a request in; its ticket is the current one."""
        ticket = Ticket(self, self._clock() + _COUNTS_SECONDS)
        self._tickets.append(ticket)
        self.arriving += 1
        CURRENT_TICKET.set(ticket)
        return ticket
