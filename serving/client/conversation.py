"""Holds a protocol's conversation: one deadline over all its steps, and each step tried again as the policy says."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from serving.client.errors import NotReadyError
from serving.client.prediction import Prediction
from serving.client.protocol import AsyncTransport, Question, Transport
from serving.client.retry import RetryPolicy
from serving.errors import Code, ServingError

_READY_PAUSE_SECONDS = 0.25
# A probe is answered at once or not at all.
_PROBE_SECONDS = 5.0
_LEAST_PROBE_SECONDS = 0.5


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


def wait_until_ready(transport: Transport, retry: RetryPolicy, timeout: float) -> None:
    """Wait for a gateway that is there and not ready; one that is not there is tried as the policy says.

    Raises:
        ServingError: what came back at last.
    """
    waiting = _Waiting(retry, timeout)
    while True:
        try:
            transport.probe(waiting.time_to_probe())
        except ServingError as error:
            time.sleep(waiting.pause(error))
        else:
            return


async def wait_until_ready_async(transport: AsyncTransport, retry: RetryPolicy, timeout_seconds: float) -> None:
    """The same for asyncio."""
    waiting = _Waiting(retry, timeout_seconds)
    while True:
        try:
            await transport.probe(waiting.time_to_probe())
        except ServingError as error:
            await asyncio.sleep(waiting.pause(error))
        else:
            return


class _Waiting:
    """How a wait goes on."""

    def __init__(self, retry: RetryPolicy, seconds: float) -> None:
        self._retry = retry
        self._deadline = _Deadline(seconds)
        self._failed = 0

    def time_to_probe(self) -> float:
        return max(_LEAST_PROBE_SECONDS, min(self._deadline.left(), _PROBE_SECONDS))

    def pause(self, error: ServingError) -> float:
        """Seconds until the next probe; raises `error` when there shall be none."""
        if isinstance(error, NotReadyError):
            self._failed = 0
            if self._deadline.left() < _READY_PAUSE_SECONDS:
                raise error
            return _READY_PAUSE_SECONDS
        self._failed += 1
        pause = self._retry.pause(self._failed, error, self._deadline.left())
        if pause is None:
            raise error
        return pause


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
