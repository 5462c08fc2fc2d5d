"""Batch norm over the images of all replicas."""

from __future__ import annotations

import keras


def synchronize_batch_norm(model: keras.Model) -> None:
    """Makes every batch norm of a model use the whole batch's moments; call it before the model is compiled."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
