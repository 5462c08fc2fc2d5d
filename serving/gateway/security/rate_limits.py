"""How much each caller may ask for: a token bucket for its requests, and one for its images."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from serving.gateway.security.errors import RateLimitedError
from serving.gateway.security.principal import Principal
from serving.gateway.security.settings import RateLimitSettings

# Subjects of tokens can be many; the ones that have not asked for longest are forgotten first.
_MOST_CALLERS = 10_000


class TokenBucket:
    """Fills at `rate` tokens a second up to `burst`."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._filled = clock()

    def seconds_until_one(self) -> float:
        """How long until there is a whole token; 0 when there is one now."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        return max(0.0, (1 - self._tokens) / self._rate)

    def spend(self, count: int) -> None:
        """Take tokens, also such as are not there yet: they are missing to those who come later."""
        self._tokens -= count


@dataclass(frozen=True, slots=True)
class _Buckets:
    settings: RateLimitSettings
    requests: TokenBucket | None
    images: TokenBucket | None


class RateLimits:
    """The buckets of all callers. Belongs to one event loop."""

    def __init__(self, default: RateLimitSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._default = default
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, str], _Buckets] = OrderedDict()

    def take_request(self, principal: Principal, *, with_images: bool) -> None:
        """Count a request.

        Args:
            principal: whose.
            with_images: whether it will have images, so that it also waits for a token of theirs.

        Raises:
            RateLimitedError: when its caller must wait; it is not counted then.
        """
        buckets = self._of(principal)
        wait = buckets.requests.seconds_until_one() if buckets.requests is not None else 0.0
        if wait > 0:
            raise _limited(principal, f"{buckets.settings.requests_per_second:g} requests", wait)
        if with_images:
            self._wait_for_images(principal, buckets)
        if buckets.requests is not None:
            buckets.requests.spend(1)

    def take_images(self, principal: Principal, count: int) -> None:
        """Count the images of a request that was let in.

        All of them are taken at once, however many: a request may be larger than the burst, and then those that come
        after it wait the longer.

        Raises:
            RateLimitedError: when requests that were let in at the same time have used up what there was.
        """
        buckets = self._of(principal)
        if buckets.images is not None and count:
            self._wait_for_images(principal, buckets)
            buckets.images.spend(count)

    def _wait_for_images(self, principal: Principal, buckets: _Buckets) -> None:
        wait = buckets.images.seconds_until_one() if buckets.images is not None else 0.0
        if wait > 0:
            raise _limited(principal, f"{buckets.settings.images_per_second:g} images", wait)

    def _of(self, principal: Principal) -> _Buckets:
        whose = (principal.kind, principal.name)
        settings = principal.rate_limit or self._default
        found = self._buckets.get(whose)
        if found is None or found.settings != settings:
            found = self._buckets[whose] = _Buckets(
                settings,
                self._bucket(settings.requests_per_second, settings.request_burst),
                self._bucket(settings.images_per_second, settings.image_burst),
            )
        self._buckets.move_to_end(whose)
        if len(self._buckets) > _MOST_CALLERS:
            self._buckets.popitem(last=False)
        return found

    def _bucket(self, rate: float | None, burst: int | None) -> TokenBucket | None:
        return None if rate is None else TokenBucket(rate, burst or max(1.0, rate), self._clock)


def _limited(principal: Principal, what: str, wait: float) -> RateLimitedError:
    seconds = max(1, math.ceil(wait))
    return RateLimitedError(f"{principal.name} may send {what} a second; try again after {seconds} s", seconds)
