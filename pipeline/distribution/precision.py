"""In which precision a network computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

FLOAT32 = "float32"


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """While open, layers are made under this policy, and models compiled under `mixed_float16` scale their loss.

    Args:
        policy: `float32`, or `mixed_bfloat16` or `mixed_float16`: computing in 16 bits with weights in 32.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def compute_in_float32(model: keras.Model) -> None:
    """Makes a trained network compute in float32, as it is served and evaluated.

    Float16 is slow or absent on CPUs, and what a server's hardware does best is the server's to decide. The weights are
    float32 under every policy, so nothing is lost.
    """
    for layer in model._flatten_layers():
        layer.dtype_policy = keras.DTypePolicy(FLOAT32)
