"""A network in half precision: its layers compute in float16 or bfloat16, its outputs are float32."""

from __future__ import annotations

import keras


def in_half_precision(model: keras.Model, precision: str) -> keras.Model:
    """A copy whose layers compute in `precision`; frozen, its weights have it too.

    Args:
        model: a functional model, `[N, H, W, C]` to `[N, K]`.
        precision: `float16` or `bfloat16`.

    Raises:
        ValueError, TypeError: a layer cannot be made again from its configuration.
    """
    # A softmax or a regression's scale in half precision would cost what the layers before have kept.
    last = {id(tensor._keras_history.operation) for tensor in model.outputs}

    def clone(layer: keras.Layer) -> keras.Layer:
        if id(layer) in last or isinstance(layer, keras.layers.InputLayer):
            return layer.__class__.from_config(layer.get_config())
        return layer.__class__.from_config(layer.get_config() | {"dtype": f"mixed_{precision}"})

    # A compiled model would be cloned with its metrics, which need not be serialisable.
    plain = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    copy = keras.models.clone_model(plain, clone_function=clone, recursive=True)
    copy.set_weights(model.get_weights())
    return copy
