"""A network whose variables are constants, with everything folded that does not depend on the pixels.

Batch norms go with that: at inference they are a product and a sum, and Grappler pushes the product into the weights of
the convolution before them.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.python.eager import wrap_function
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tensorflow.python.grappler import tf_optimizer
from tensorflow.python.training import saver

# Inlined first, so that constants meet; twice, since a fold makes the next one possible.
_OPTIMIZERS = ("function", "constfold", "arithmetic", "constfold", "dependency")


class FrozenNetwork:
    """Called like the Keras model that it was made of. It has no variables.

    Attributes:
        variables: none.
        graph_def: what it computes.
        function: the same, as TensorFlow calls it.
    """

    variables: tuple[Any, ...] = ()

    def __init__(self, model: keras.Model, pixel_shape: tuple[int, int, int]) -> None:
        """Freezes a network.

        Args:
            model: `[N, H, W, C]` float32 to the prediction `[N, K]`.
            pixel_shape: H, W, C.

        Raises:
            ValueError, RuntimeError, tf.errors.OpError: the network has an op that cannot be frozen.
        """

        @tf.function(input_signature=[tf.TensorSpec((None, *pixel_shape), tf.float32, name="pixels")], autograph=False)
        def predict(pixels: tf.Tensor) -> tf.Tensor:
            return model(pixels, training=False)

        frozen = convert_variables_to_constants_v2(predict.get_concrete_function())
        self.graph_def = _folded(frozen)
        self.function = wrap_function.function_from_graph_def(
            self.graph_def, [tensor.name for tensor in frozen.inputs], [tensor.name for tensor in frozen.outputs]
        )

    def __call__(self, pixels: tf.Tensor, training: bool = False) -> tf.Tensor:
        """`[N, H, W, C]` to the prediction `[N, K]`.

        Raises:
            ValueError: constants can't be trained.
        """
        if training:
            raise ValueError("a frozen network can't be trained")
        [prediction] = self.function(tf.convert_to_tensor(pixels))
        return prediction


def _folded(frozen: Any) -> Any:
    """The graph with its constant parts computed."""
    meta_graph = saver.export_meta_graph(graph_def=frozen.graph.as_graph_def(), graph=frozen.graph)
    kept = meta_graph_pb2.CollectionDef()
    kept.node_list.value.extend(tensor.name for tensor in (*frozen.inputs, *frozen.outputs))
    # Where Grappler looks for what must stay.
    meta_graph.collection_def["train_op"].CopyFrom(kept)
    config = config_pb2.ConfigProto()
    rewrite = config.graph_options.rewrite_options
    rewrite.optimizers.extend(_OPTIMIZERS)
    rewrite.min_graph_nodes = -1  # small graphs too
    return tf_optimizer.OptimizeGraph(config, meta_graph)
