"""Requests between the door and their slot."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

# A request whose body is there already comes to its slot within so many turns of the event loop, however long they take
# under load. One whose body still arrives may take its time, and must not keep others out meanwhile.
_TURNS = 4


class Ticket:
    """One request that was let in."""

    __slots__ = ("_door", "_is_out", "_loop", "_turns")

    def __init__(self, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        self._door = door
        self._loop = loop
        self._is_out = False
        self._turns = _TURNS
        loop.call_soon(self._age)

    def close(self) -> None:
        """It has its slot, or is gone, or counts no longer."""
        if not self._is_out:
            self._is_out = True
            self._door.arriving -= 1

    def _age(self) -> None:
        self._turns -= 1
        if self._is_out:
            return
        if self._turns:
            self._loop.call_soon(self._age)
        else:
            self.close()


# Of the request that is being answered; every request has a task of its own.
CURRENT_TICKET: ContextVar[Ticket | None] = ContextVar("current_ticket", default=None)


class Door:
    """Counts them, so that a crowd that arrives at once is not let in on the strength of one free slot.

    Attributes:
        arriving: requests that were let in a moment ago and have no slot yet.
    """

    def __init__(self) -> None:
        self.arriving = 0

    def enter(self) -> Ticket:
        """Let a request in; its ticket is the current one."""
        self.arriving += 1
        ticket = Ticket(self, asyncio.get_running_loop())
        CURRENT_TICKET.set(ticket)
        return ticket
