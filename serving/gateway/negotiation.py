"""Which form of an answer a client accepts (RFC 9110, section 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence

_RANGE = re.compile(r"\s*([a-z0-9!#$&^_.+-]+|\*)/([a-z0-9!#$&^_.+-]+|\*)\s*(?:;(.*))?", re.IGNORECASE)
_QUALITY = re.compile(r"\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*", re.IGNORECASE)
# More than any client has a use for; the rest is not looked at.
_MOST_RANGES = 50


def negotiate(accept: str, offers: Sequence[str]) -> str | None:
    """The offer that the client likes best, the earlier one of equals; None when it accepts none.

    Args:
        accept: the header's value; empty accepts everything. Parts that are no media range are passed over.
        offers: media types in lower case and without parameters, the server's favourite first.
    """
    ranges = [found for part in accept.split(",")[:_MOST_RANGES] if (found := _read_range(part)) is not None]
    if not ranges:
        return offers[0]
    best: str | None = None
    best_quality = 0.0
    for offer in offers:
        quality = _quality(offer, ranges)
        if quality > best_quality:
            best, best_quality = offer, quality
    return best


def _read_range(part: str) -> tuple[str, str, float] | None:
    """Type, subtype and quality of one media range."""
    found = _RANGE.fullmatch(part)
    if found is None or (found[1] == "*" and found[2] != "*"):
        return None
    quality = 1.0
    for parameter in (found[3] or "").split(";"):
        weight = _QUALITY.fullmatch(parameter)
        if weight is not None:
            quality = float(weight[1])
    return found[1].lower(), found[2].lower(), quality


def _quality(offer: str, ranges: Sequence[tuple[str, str, float]]) -> float:
    """The quality of the most specific range that covers `offer`; 0 when none does."""
    kind, _, subtype = offer.partition("/")
    matching = [
        ((found_kind != "*") + (found_subtype != "*"), quality)
        for found_kind, found_subtype, quality in ranges
        if found_kind in ("*", kind) and found_subtype in ("*", subtype)
    ]
    return max(matching)[1] if matching else 0.0
