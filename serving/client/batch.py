"""Batch scoring: many files, many requests in flight, outcomes in the order of the files."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from pathlib import Path

from serving.client.client import AsyncGatewayClient
from serving.client.errors import ImageRefusedError
from serving.client.prediction import Prediction
from serving.errors import Code, ServingError

# Without these the next image would fail in the same way.
HOPELESS = (Code.UNAVAILABLE, Code.UNAUTHENTICATED, Code.PERMISSION_DENIED, Code.NOT_FOUND)

# So many files may be answered while an earlier one still waits.
_AHEAD = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one image: a prediction or an error.

    Attributes:
        reason: the rule that a refused image broke.
        is_final: whether asking again would end the same; an image that is refused stays refused.
    """

    path: Path
    prediction: Prediction | None
    error: str | None = None
    reason: str | None = None
    is_final: bool = True


async def score_files(
    client: AsyncGatewayClient, paths: Iterable[Path], *, top_k: int | None = None, in_flight: int = 16
) -> AsyncGenerator[Outcome, None]:
    """Ask about each file in a request of its own, so that one refused image costs no other.

    Args:
        client: whom to ask.
        paths: taken as they are needed; any number.
        top_k: classes for each image.
        in_flight: requests at once.

    Yields:
        An outcome for each path, in the order of the paths.

    Raises:
        ServingError: one that the next image would get too: no gateway, no permission, no such model.
    """
    turns = asyncio.Semaphore(in_flight)
    waiting: deque[asyncio.Task[Outcome]] = deque()

    async def score(path: Path) -> Outcome:
        async with turns:
            return await _score(client, path, top_k)

    try:
        for path in paths:
            waiting.append(asyncio.create_task(score(path)))
            if len(waiting) >= in_flight * _AHEAD:
                yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _score(client: AsyncGatewayClient, path: Path, top_k: int | None) -> Outcome:
    try:
        return Outcome(path, (await client.predict([path], top_k=top_k))[0])
    except OSError as error:
        return Outcome(path, None, f"can't be read: {error.strerror}")
    except ImageRefusedError as error:
        return Outcome(path, None, error.message.removeprefix("image 0: "), error.reason)
    except ServingError as error:
        if error.code in HOPELESS:
            raise
        return Outcome(path, None, f"{error.message} ({error.code.name})", is_final=False)
