"""Sends requests that name no version to the arm that they are for, and follows the configuration."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from serving.errors import Code, ServingError
from serving.gateway.pool import BackendPool
from serving.gateway.record import RequestRecord
from serving.gateway.releases.canary import Canary
from serving.gateway.releases.faults import is_fault, is_misfit, is_not_loaded
from serving.gateway.releases.metrics import ReleaseMetrics
from serving.gateway.releases.settings import ReleaseSettings, Target
from serving.gateway.releases.shadow import ShadowTraffic
from serving.gateway.releases.stable import Stable
from serving.gateway.releases.target import point_at
from serving.protos import model_pb2

_LOG = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")

_STABLE = "stable"
_CANARY = "canary"


@dataclass(frozen=True, slots=True)
class _Work(Generic[_Answer]):
    """A request, and how it is answered once its specs name a version."""

    specs: Sequence[model_pb2.ModelSpec]
    record: RequestRecord
    attempt: Callable[[], Awaitable[_Answer]]


class Releases:
    """The releases of the gateway's model. Without settings every request passes through as it is."""

    def __init__(
        self, settings: ReleaseSettings | None, *, model_name: str, pool: BackendPool, metrics: ReleaseMetrics
    ) -> None:
        self._model_name = model_name
        self._pool = pool
        self._metrics = metrics
        self._settings: ReleaseSettings | None = None
        self._stable: Stable | None = None
        self._canary: Canary | None = None
        self._shadows: list[ShadowTraffic] = []
        self.configure(settings)

    def configure(self, settings: ReleaseSettings | None) -> bool:
        """Follow new settings from the next request on; returns False when they are those in force.

        A canary that was stopped gets traffic again only when the settings differ.
        """
        if settings == self._settings:
            return False
        self._settings = settings
        # Without releases it was the newest version that answered.
        previous = self._stable.target() if self._stable is not None else self._pool.available_version()
        self._stable = Stable(settings.stable, previous, self._pool) if settings is not None else None
        canary = settings.canary if settings is not None else None
        self._canary = Canary(canary, self._metrics) if canary is not None else None
        self._metrics.canary(canary.weight if canary is not None else 0.0, stopped=False)
        shadow = settings.shadow if settings is not None else None
        # A shadow that goes still finishes what it works on.
        self._shadows = [old for old in self._shadows if old.in_flight]
        if shadow is not None:
            self._shadows.append(ShadowTraffic(shadow, self._pool, self._metrics))
        _LOG.info("Releases of %s: %s", self._model_name, _summary(settings))
        return True

    async def run(
        self, specs: Sequence[model_pb2.ModelSpec], record: RequestRecord, attempt: Callable[[], Awaitable[_Answer]]
    ) -> _Answer:
        """Run `attempt`; where `specs` name the gateway's model alone, they are pointed at an arm first, in place.

        A canary that is not loaded, or that refuses what stable takes, costs no request: stable answers it.

        Raises:
            ServingError: what `attempt` raised; UNAVAILABLE when stable is not loaded.
        """
        settings, stable, canary = self._settings, self._stable, self._canary
        if settings is None or stable is None or not self._concerns(specs):
            return await attempt()
        work = _Work(specs, record, attempt)
        if canary is None or not canary.takes(_key(settings, record)):
            return await self._ask_stable(stable, canary, work)
        if not self._pool.may_have(canary.settings.target):
            self._metrics.fell_back(_CANARY, "not_loaded")
            return await self._ask_stable(stable, canary, work)
        try:
            return await self._ask(_CANARY, canary.settings.target, work, canary.note)
        except ServingError as error:
            # A refused image and a deadline that has passed are the same with every version.
            if not is_misfit(error) or record.refusal is not None or record.is_late():
                raise
            missing, code = is_not_loaded(error), error.code
        self._metrics.fell_back(_CANARY, "not_loaded" if missing else "misfit")
        answer = await self._ask_stable(stable, canary, work)
        if not missing:
            # Stable takes what the canary does not: that was not the request's fault.
            canary.note(0.0, failed=True)
            self._metrics.failed(_CANARY, _number(canary.settings.target), code.name)
        return answer

    async def _ask_stable(self, stable: Stable, canary: Canary | None, work: _Work[_Answer]) -> _Answer:
        note = canary.note_stable if canary is not None else None
        missing: ServingError | None = None
        for target in stable.candidates():
            if target != stable.configured:
                self._metrics.fell_back(_STABLE, "not_loaded")
            try:
                answer = await self._ask(_STABLE, target, work, note)
            except ServingError as error:
                if not is_not_loaded(error):
                    raise
                missing = error
            else:
                stable.answered(target)
                return answer
        raise ServingError(
            Code.UNAVAILABLE, f"{stable} of model {self._model_name}, which is the stable one, is not loaded"
        ) from missing

    async def _ask(self, arm: str, target: Target, work: _Work[_Answer], note: Callable[..., None] | None) -> _Answer:
        record = work.record
        for spec in work.specs:
            point_at(spec, target)
        record.arm, record.answered_version = arm, 0
        record.timing_ms.pop("model", None)
        started = time.monotonic()
        code, failed, judged = Code.INTERNAL.name, False, False
        try:
            answer = await work.attempt()
            code, judged = "OK", True
        except ServingError as error:
            code = error.code.name
            failed = judged = is_fault(error) and record.refusal is None
            raise
        except asyncio.CancelledError:
            code = Code.CANCELLED.name
            raise
        else:
            return answer
        finally:
            # The first request to a version also waits for its signatures, which is not the model's latency.
            seconds = record.timing_ms.get("model", (time.monotonic() - started) * 1000) / 1000
            version = record.answered_version or _number(target)
            self._metrics.answered(arm, version, code, seconds)
            if failed:
                self._metrics.failed(arm, version, code)
            if judged and note is not None:
                note(seconds, failed=failed)

    def point_at_stable(self, spec: model_pb2.ModelSpec) -> None:
        """Let questions about "the model" (its signatures) mean stable."""
        if self._stable is not None and self._concerns([spec]):
            point_at(spec, self._stable.target())

    def mirror(self, method: str, request: Any, answer: Any, record: RequestRecord) -> None:
        """Show the shadow a request that an arm has answered; returns at once."""
        if record.arm and self._settings is not None and self._settings.shadow is not None:
            size = max(record.request_bytes, sum(record.image_bytes))
            self._shadows[-1].mirror(method, request, size, answer)

    def stable_version(self) -> int | None:
        """The version that is stable now; None without releases, and for a label."""
        target = self._stable.target() if self._stable is not None else None
        return target if isinstance(target, int) else None

    def missing_stable(self) -> str | None:
        """Why requests that name no version can't be answered, for people; None when they can."""
        return self._stable.missing() if self._stable is not None else None

    def describe(self) -> dict[str, Any]:
        """The state of the releases, for people and programs."""
        settings, stable = self._settings, self._stable
        shadow = self._shadows[-1] if settings is not None and settings.shadow is not None else None
        return {
            "model": self._model_name,
            "stable": {"target": stable.configured, "loaded": stable.is_loaded()} if stable is not None else None,
            "canary": self._canary.describe() if self._canary is not None else None,
            "shadow": shadow.describe() if shadow is not None else None,
        }

    def _concerns(self, specs: Sequence[model_pb2.ModelSpec]) -> bool:
        return bool(specs) and all(
            spec.name == self._model_name and spec.WhichOneof("version_choice") is None for spec in specs
        )

    async def close(self) -> None:
        """Give up what shadows work on."""
        for shadow in self._shadows:
            await shadow.close()


def _key(settings: ReleaseSettings, record: RequestRecord) -> str:
    if settings.sticky_header is None:
        return ""
    return record.header(settings.sticky_header) or ""


def _number(target: Target) -> int:
    return target if isinstance(target, int) else 0


def _summary(settings: ReleaseSettings | None) -> str:
    if settings is None:
        return "none; the newest version answers"
    parts = [f"stable {settings.stable}"]
    if settings.canary is not None:
        parts.append(f"canary {settings.canary.target} with {settings.canary.weight:.1%} of the requests")
    if settings.shadow is not None:
        parts.append(f"shadow {settings.shadow.target} with {settings.shadow.share:.1%}")
    return ", ".join(parts)
