"""Records to levels, one at a time or a whole split at once."""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf

from pipeline import features
from pipeline.training.label_feature import CLASS_ID, LabelFeature
from preprocessing.graph import PreprocessingGraph, levels
from preprocessing.spec import PreprocessingSpec


def map_in_order(dataset: tf.data.Dataset, function: Any, calls: int = tf.data.AUTOTUNE) -> tf.data.Dataset:
    """`dataset.map` in parallel, its results in order."""
    # Written in graph ops already; AutoGraph would only spend time on it.
    return dataset.map(tf.autograph.experimental.do_not_convert(function), num_parallel_calls=calls, deterministic=True)


def decode(records: tf.data.Dataset, graph: PreprocessingGraph, label: LabelFeature = CLASS_ID) -> tf.data.Dataset:
    """Serialised examples to `(levels [H, W, C] float32, label)`, in order; the label as its feature has it."""
    return map_in_order(records, lambda record: _levels_and_label(record, graph.spec, label))


def decode_in_batches(
    records: tf.data.Dataset, size: int, graph: PreprocessingGraph, label: LabelFeature = CLASS_ID
) -> tf.data.Dataset:
    """Batches of `size`, `(levels [size, H, W, C] float32, labels [size])`; what is over at the end is left out.

    Each image is decoded into its place in the batch: `map` and then `batch` would hold all of them twice. `tf.data`
    fuses the two by itself where it optimizes a pipeline, which it does not do within a graph, nor tell whether it did.
    Once an iterator has given a batch it works on the next one, and on no third where there are more images in a batch
    than cores.

    Args:
        records: serialised examples.
        size: at least one.
        graph: the run's preprocessing.
        label: where the examples have it.
    """
    fused = tf.raw_ops.MapAndBatchDataset(
        input_dataset=tf.data.experimental.to_variant(records),
        other_arguments=[],
        batch_size=tf.constant(size, tf.int64),
        num_parallel_calls=tf.constant(tf.data.AUTOTUNE, tf.int64),
        drop_remainder=True,
        f=_levels_and_label_function(graph.spec, label),
        output_types=[tf.float32, label.dtype],
        output_shapes=[(size, *graph.spec.pixel_shape), (size,)],
    )
    specs = (tf.TensorSpec((size, *graph.spec.pixel_shape), tf.float32), tf.TensorSpec((size,), label.dtype))
    return tf.data.experimental.from_variant(fused, specs)


def decode_all(
    records: tf.data.Dataset, count: int, graph: PreprocessingGraph, label: LabelFeature = CLASS_ID
) -> tuple[tf.Tensor, tf.Tensor]:
    """All of them as one pair, levels `[count, H, W, C]` float32 and labels `[count]`.

    Args:
        records: serialised examples.
        count: how many there are, at least one.
        graph: the run's preprocessing.
        label: where the examples have it.
    """
    whole = decode_in_batches(records, count, graph, label).with_options(untuned())
    pair: tuple[tf.Tensor, tf.Tensor] = whole.get_single_element()
    return pair


def untuned() -> tf.data.Options:
    """Options of every pipeline of a training.

    Autotuning costs more than it gives: when an iterator ends, it may sleep out its period, which starts at 10 ms and
    doubles up to a minute, and each evaluation ends one. Without it, AUTOTUNE means a call for each core.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def _levels_and_label(record: tf.Tensor, spec: PreprocessingSpec, label: LabelFeature) -> tuple[tf.Tensor, tf.Tensor]:
    parsed = tf.io.parse_single_example(
        record, {features.ENCODED: tf.io.FixedLenFeature([], tf.string), label.key: label.spec}
    )
    return levels(parsed[features.ENCODED], spec), parsed[label.key]


@functools.cache
def _levels_and_label_function(spec: PreprocessingSpec, label: LabelFeature) -> Any:
    """A record to the pair, as a concrete function."""
    return tf.function(
        lambda record: _levels_and_label(record, spec, label),
        input_signature=[tf.TensorSpec([], tf.string)],
        autograph=False,
    ).get_concrete_function()
