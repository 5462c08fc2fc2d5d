"""Choosing among several branches in graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf


def switch(index: tf.Tensor, branches: Sequence[Callable[[], tf.Tensor]]) -> tf.Tensor:
    """The result of `branches[index]`; only that branch runs. An index out of range takes the last branch.

    What `tf.switch_case` does, from nested `tf.cond`: TFX Transform runs this graph to measure channel statistics, and
    it refuses the op that `tf.switch_case` becomes (its branches are a list of functions).
    """
    if len(branches) == 1:
        return branches[0]()
    # Halving keeps the depth, and so the cost of reaching a branch, logarithmic.
    middle = len(branches) // 2
    return tf.cond(
        index < middle,
        lambda: switch(index, branches[:middle]),
        lambda: switch(index - middle, branches[middle:]),
    )
