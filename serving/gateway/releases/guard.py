"""Judges a canary by its errors and its latency, beside stable's."""

from __future__ import annotations

from dataclasses import dataclass

from serving.gateway.releases.settings import StopSettings
from serving.gateway.releases.window import OutcomeWindow


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a canary is stopped.

    Attributes:
        reason: `error_rate` or `latency`.
        detail: what was seen and what the limit is, for people.
    """

    reason: str
    detail: str


def judge(settings: StopSettings, canary: OutcomeWindow, stable: OutcomeWindow) -> Verdict | None:
    """What is wrong with the canary; None when nothing is, or too few requests say so."""
    if canary.requests < settings.min_requests:
        return None
    comparable = stable.requests >= settings.min_requests
    return _judge_errors(settings, canary, stable if comparable else None) or _judge_latency(
        settings, canary, stable if comparable else None
    )


def _judge_errors(settings: StopSettings, canary: OutcomeWindow, stable: OutcomeWindow | None) -> Verdict | None:
    seen = f"{canary.errors} of {canary.requests} requests failed ({canary.error_rate:.1%})"
    if settings.max_error_rate is not None and canary.error_rate > settings.max_error_rate:
        return Verdict("error_rate", f"{seen}; the limit is {settings.max_error_rate:.1%}")
    margin = settings.max_error_rate_above_stable
    if margin is not None and stable is not None and canary.error_rate > stable.error_rate + margin:
        return Verdict("error_rate", f"{seen}, of stable's {stable.error_rate:.1%}; the limit is {margin:.1%} more")
    return None


def _judge_latency(settings: StopSettings, canary: OutcomeWindow, stable: OutcomeWindow | None) -> Verdict | None:
    if canary.answered < settings.min_requests:
        return None
    latency = _latency(settings, canary)
    seen = f"the {settings.latency} of the latency is {latency * 1000:.1f} ms"
    if settings.max_latency_ms is not None and latency * 1000 > settings.max_latency_ms:
        return Verdict("latency", f"{seen}; the limit is {settings.max_latency_ms:g} ms")
    factor = settings.max_latency_of_stable
    if factor is not None and stable is not None and stable.answered >= settings.min_requests:
        reference = _latency(settings, stable)
        if latency > factor * reference:
            return Verdict("latency", f"{seen}, stable's {reference * 1000:.1f} ms; the limit is {factor:g} times that")
    return None


def _latency(settings: StopSettings, window: OutcomeWindow) -> float:
    return window.p99_seconds() if settings.latency == "p99" else window.mean_seconds()
