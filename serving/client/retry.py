"""When a request is sent again. Predictions change nothing, so asking twice does no harm."""

from __future__ import annotations

import random
from dataclasses import dataclass

from serving.client.errors import BusyError
from serving.errors import Code, ServingError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with full jitter, within the request's deadline.

    Only UNAVAILABLE is tried again, and whatever the gateway itself says when to try again, which is then obeyed. All
    other errors would come back the same.

    Attributes:
        attempts: how often a request is sent at most; 1 never sends one again.
        first_seconds: upper bound of the first pause; each further one's is twice the one before.
        longest_seconds: upper bound of any pause.

    Raises:
        ValueError: fewer than one attempt, or a negative pause.
    """

    attempts: int = 4
    first_seconds: float = 0.1
    longest_seconds: float = 2.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts must be at least 1, got {self.attempts}")
        if self.first_seconds < 0 or self.longest_seconds < 0:
            raise ValueError(f"pauses can't be negative, got {self.first_seconds} and {self.longest_seconds}")

    def pause(self, attempt: int, error: ServingError, seconds_left: float) -> float | None:
        """How long to wait after `attempt` (from 1) failed; None to give up.

        Args:
            attempt: how often the request was sent.
            error: what came back.
            seconds_left: until the request's deadline; a pause that is longer makes no sense.
        """
        if attempt >= self.attempts:
            return None
        # Full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/): clients that failed
        # together don't come back together.
        pause = random.uniform(0, min(self.longest_seconds, self.first_seconds * 2.0 ** (attempt - 1)))
        if isinstance(error, BusyError):
            pause += error.retry_after_seconds
        elif error.code is not Code.UNAVAILABLE:
            return None
        return pause if pause < seconds_left else None
