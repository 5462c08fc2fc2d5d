"""The version of a preprocessing graph: changes exactly when its pixels may change."""

from __future__ import annotations

import hashlib
import json

from preprocessing.spec import PreprocessingSpec
from preprocessing.statistics import ChannelStatistics

# Raise this with every change to the graph's code that can change a pixel; tests/preprocessing/test_golden.py holds
# pixels made by this revision and fails when they move.
OP_REVISION = 1

# 48 bits: among a million versions the chance that two share a fingerprint is 0.2 %.
FINGERPRINT_HEX_DIGITS = 12


def preprocessing_version(spec: PreprocessingSpec, statistics: ChannelStatistics | None) -> str:
    """`<spec.version>-<fingerprint>`, the fingerprint a SHA-256 over spec, statistics and `OP_REVISION`.

    Statistics that the spec does not use are left out, so that a `normalize` graph keeps its version when the data
    grows.
    """
    used = statistics.model_dump(mode="json") if statistics is not None and spec.needs_statistics else None
    facts = {"op_revision": OP_REVISION, "spec": spec.model_dump(mode="json"), "statistics": used}
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
    return f"{spec.version}-{hashlib.sha256(canonical).hexdigest()[:FINGERPRINT_HEX_DIGITS]}"
