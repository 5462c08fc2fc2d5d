"""Stable fingerprints under the names of pyfarmhash, which comes without wheels and so needs a C++ compiler.

TFDV takes them to partition features and to compare examples within one analysis; nothing stores them. So any hash that
is the same in every process will do, and these are not FarmHash's values.
"""

import hashlib

__all__ = ["fingerprint32", "fingerprint64"]


def fingerprint64(text: str | bytes) -> int:
    """A fingerprint in 0..2^64-1."""
    data = text.encode() if isinstance(text, str) else text
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def fingerprint32(text: str | bytes) -> int:
    """A fingerprint in 0..2^32-1."""
    return fingerprint64(text) & 0xFFFFFFFF
