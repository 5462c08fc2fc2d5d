"""Keras 3's `fit` under several replicas, on one machine or many: the same training as on one device.

Keras 3.15's TensorFlow trainer (keras/src/backend/tensorflow/trainer.py) stops under MultiWorkerMirroredStrategy: it
builds the model from batches that it reduces across workers, and reduces scalar metrics with `axis=0`. Under any
strategy it also departs from what one device computes:

- the mean loss of each replica counts the same, also where an epoch's last batch gives one replica fewer images;
- gradients are clipped, and checked for overflow, on each replica before they are summed. Under float16 one worker may
  then skip an update that the others wait for;
- batch norm's moving statistics stay each replica's own.

`trained_in_replicas` mends these while `fit` runs, in the model's class and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from darkroom.errors import ConfigurationError

_SUM = tf.distribute.ReduceOp.SUM
_MEAN = tf.distribute.ReduceOp.MEAN


@contextmanager
def trained_in_replicas(model: keras.Model, strategy: tf.distribute.Strategy, *, batch_size: int) -> Iterator[None]:
    """While open, `model.fit` and `model.evaluate` are right under the strategy; nothing changes for one replica.

    Args:
        model: built and compiled in `strategy.scope()`. Compiling it again is allowed, while this is closed.
        strategy: the one that the model was made under.
        batch_size: images in one step, over all replicas together.

    Raises:
        ConfigurationError: the model brings a training step of its own, or several steps for each call.
    """
    if strategy.num_replicas_in_sync == 1:
        yield
        return
    own = type(model)
    _check(model)
    # A class rather than attributes of this object, so that `super()` and Keras's own bookkeeping work as ever.
    attributes = {"__module__": own.__module__, "full_size": batch_size / strategy.num_replicas_in_sync}
    model.__class__ = type(own.__name__, (ReplicaTraining, own), attributes)
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    optimizer._all_reduce_sum_gradients = list
    try:
        yield
    finally:
        del optimizer._all_reduce_sum_gradients
        model.__class__ = own
        model.train_function = model.test_function = None


class ReplicaTraining:
    """The methods of Keras's trainer that must be others under several replicas.

    Attributes:
        full_size: images on one replica in a step that is not an epoch's last.
    """

    full_size: float
    _replicas_built = False

    def _maybe_symbolic_build(self: Any, iterator: Any = None, data_batch: Any = None) -> None:
        """Builds once, from the shapes of one replica's batch: no batch is read, none is reduced across workers."""
        if self._replicas_built:
            return
        spec = _spec_of_one_replica(iterator._distributed_dataset.element_spec)
        with self.distribute_strategy.scope():
            self._symbolic_build(data_batch=spec)
        self._replicas_built = True

    def train_step(self: Any, data: Any) -> dict[str, Any]:
        """Keras's own step, but gradients are summed, as parts of one batch, before anything looks at them."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        replica = tf.distribute.get_replica_context()
        replicas = float(replica.num_replicas_in_sync)
        size = tf.cast(tf.shape(tf.nest.flatten(x)[0])[0], tf.float32)
        share = size / self.full_size
        differentiate = self._differentiate
        if self.jit_compile:
            # The exchanges stay outside: XLA cannot compile TensorFlow's collectives.
            differentiate = tf.function(differentiate, autograph=False, jit_compile=True)
        loss, y_pred, gradients = differentiate(x, y, sample_weight, share)
        self._loss_tracker.update_state(loss * replicas, sample_weight=size)
        weights = self.trainable_weights
        gradients = [(g, w) for g, w in zip(gradients, weights, strict=True) if g is not None]
        # One exchange: TensorFlow packs a list into one collective.
        *sums, total = replica.all_reduce(_SUM, [*(tf.convert_to_tensor(g) for g, _ in gradients), share / replicas])
        self.optimizer.apply_gradients([(s / total, w) for s, (_, w) in zip(sums, gradients, strict=True)])
        self._average_statistics(replica)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def _differentiate(self: Any, x: Any, y: Any, sample_weight: Any, share: tf.Tensor) -> tuple[Any, Any, list[Any]]:
        """Loss (of this replica's images, divided by the number of replicas), prediction and gradients."""
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self._compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True)
            # Before differentiation, as batch norm over all replicas lets gradients cross between them.
            scaled = self.optimizer.scale_loss(loss) * share
        return tf.cast(loss, tf.float32), y_pred, tape.gradient(scaled, self.trainable_weights)

    def _average_statistics(self: Any, replica: Any) -> None:
        statistics = self._statistics()
        if statistics:
            means = replica.all_reduce(_MEAN, [tf.identity(variable.value) for variable in statistics])
            for variable, mean in zip(statistics, means, strict=True):
                variable.assign(mean)

    def _statistics(self: Any) -> list[keras.Variable]:
        """What layers that learn keep beside their weights. Frozen layers' weights are not among these."""
        own = (variable for layer in self._flatten_layers() if layer.trainable for variable in _kept_by(layer))
        return [variable for variable in own if tf.as_dtype(variable.dtype).is_floating]

    def make_train_function(self: Any, force: bool = False) -> Callable[..., Any]:
        """The step on all replicas."""
        if self.train_function is None or force:
            self.train_function = _on_all_replicas(self.distribute_strategy, self.train_step)
        return self.train_function

    def make_test_function(self: Any, force: bool = False) -> Callable[..., Any]:
        """The evaluation step on all replicas."""
        if self.test_function is None or force:
            self.test_function = _on_all_replicas(self.distribute_strategy, self.test_step)
        return self.test_function


def _on_all_replicas(strategy: tf.distribute.Strategy, step: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a distributed iterator; every worker gets the same metrics back, as callbacks decide by them."""

    @tf.function(reduce_retracing=True, autograph=False)
    def run(iterator: Any) -> Any:
        def step_and_mean(data: Any) -> Any:
            outputs = step(data)
            # A tensor that no operation on this replica's device made cannot be reduced; identity is such an operation.
            flat = [tf.identity(tf.cast(value, tf.float32)) for value in tf.nest.flatten(outputs)]
            means = tf.distribute.get_replica_context().all_reduce(_MEAN, flat)
            return tf.nest.pack_sequence_as(outputs, means)

        per_replica = strategy.run(step_and_mean, args=(next(iterator),))
        return tf.nest.map_structure(lambda value: strategy.experimental_local_results(value)[0], per_replica)

    return run


def _kept_by(layer: keras.layers.Layer) -> list[keras.Variable]:
    kept: list[keras.Variable] = layer._non_trainable_variables
    return kept


def _spec_of_one_replica(spec: Any) -> Any:
    """`(images, labels[, weights])` as Keras's symbolic tensors, the batch's size left open."""

    def symbolic(one: Any) -> keras.KerasTensor:
        local = one._value_specs[0] if hasattr(one, "_value_specs") else one
        return keras.KerasTensor((None, *local.shape[1:]), local.dtype.name)

    return tuple(symbolic(one) for one in spec)


def _check(model: keras.Model) -> None:
    if type(model).train_step is not keras.Model.train_step:
        raise ConfigurationError(
            f"{type(model).__name__} has a train_step of its own, which Darkroom cannot run on several replicas; "
            "use training.distribution.strategy one_device, or compile a loss instead"
        )
    if model.steps_per_execution != 1:
        raise ConfigurationError(
            f"steps_per_execution is {model.steps_per_execution}; on several replicas it must be 1"
        )
