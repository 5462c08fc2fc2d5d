"""Holds a protocol's conversation: one deadline over all its steps, and each step tried again as the policy says."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from serving.client.prediction import Prediction
from serving.client.protocol import AsyncTransport, Question, Transport
from serving.client.retry import RetryPolicy
from serving.errors import Code, ServingError


class _Deadline:
    """The seconds that a question may take."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left, negative when the time is up."""
        return self._end - time.monotonic()

    def time_to_send(self) -> float:
        """Seconds that the next request may take.

        Raises:
            ServingError: DEADLINE_EXCEEDED when there are none.
        """
        left = self.left()
        if left <= 0:
            raise ServingError(Code.DEADLINE_EXCEEDED, f"there was no answer within {self._seconds:g} s")
        return left


def ask(transport: Transport, question: Question, retry: RetryPolicy, timeout: float) -> list[Prediction]:
    """Ask and wait.

    Raises:
        ServingError: what came back at last.
    """
    deadline = _Deadline(timeout)
    steps = transport.steps(question)
    try:
        call = next(steps)
        while True:
            try:
                answer = _send(transport, call, retry, deadline)
            except ServingError as error:
                call = steps.throw(error)
            else:
                call = steps.send(answer)
    except StopIteration as stop:
        return list(stop.value)


async def ask_async(
    transport: AsyncTransport, question: Question, retry: RetryPolicy, timeout_seconds: float
) -> list[Prediction]:
    """Ask and await; the same as `ask` otherwise."""
    deadline = _Deadline(timeout_seconds)
    steps = transport.steps(question)
    try:
        call = next(steps)
        while True:
            try:
                answer = await _send_async(transport, call, retry, deadline)
            except ServingError as error:
                call = steps.throw(error)
            else:
                call = steps.send(answer)
    except StopIteration as stop:
        return list(stop.value)


def _send(transport: Transport, call: Any, retry: RetryPolicy, deadline: _Deadline) -> Any:
    attempt = 0
    while True:
        attempt += 1
        try:
            return transport.send(call, deadline.time_to_send())
        except ServingError as error:
            pause = retry.pause(attempt, error, deadline.left())
            if pause is None:
                raise
        time.sleep(pause)


async def _send_async(transport: AsyncTransport, call: Any, retry: RetryPolicy, deadline: _Deadline) -> Any:
    attempt = 0
    while True:
        attempt += 1
        try:
            return await transport.send(call, deadline.time_to_send())
        except ServingError as error:
            pause = retry.pause(attempt, error, deadline.left())
            if pause is None:
                raise
        await asyncio.sleep(pause)
