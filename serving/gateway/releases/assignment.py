"""Which requests a canary gets."""

from __future__ import annotations

import hashlib
import random

_RANGE = 2.0**64


def is_assigned(weight: float, key: str, salt: str) -> bool:
    """Whether a request goes to the canary.

    The same key gives the same place in [0, 1) in every process, and the canary has the places below its weight: a
    larger weight only adds clients. The salt gives each canary its own clients, not always the same unlucky ones.

    Args:
        weight: the canary's share, 0..1.
        key: what the client is known by; empty assigns at random.
        salt: the canary's name.
    """
    if not key:
        return random.random() < weight
    digest = hashlib.blake2b(
        key.encode("utf-8", "surrogateescape"), digest_size=8, key=hashlib.blake2b(salt.encode()).digest()
    )
    return int.from_bytes(digest.digest(), "big") / _RANGE < weight
