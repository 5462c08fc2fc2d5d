"""Keeping rare branches out of the common path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def out_of_line(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` as a graph function that is called, never inlined.

    TensorFlow inlines the branches of a conditional and then passes a "dead" token through every op of those not taken,
    at about 0.1 microseconds each: with five formats that took as long as decoding a thumbnail. Not inlined, a branch
    is one op, and when it is taken the call costs some ten microseconds.
    """
    return tf.function(function, autograph=False, experimental_attributes={"_noinline": True})
