"""A worker's batches, handed to its replicas."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def distributed(parts: tf.data.Dataset, strategy: tf.distribute.Strategy) -> Any:
    """What `fit` and `evaluate` take under the strategy.

    Args:
        parts: batches for one replica each, as many for each step as this worker has replicas.
        strategy: the model's.
    """
    if strategy.num_replicas_in_sync == 1:
        return parts
    # Cut by worker already (pipeline/distribution/shares.py), so TensorFlow has nothing to shard.
    return strategy.distribute_datasets_from_function(lambda _: parts)
