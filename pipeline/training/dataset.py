"""Parts of batches to what the network takes: augmented, scaled, with labels in the loss's form."""

from __future__ import annotations

import math

import tensorflow as tf

from darkroom.configuration.training_section import TrainingSection
from pipeline.distribution.shares import ALONE, Place, Shares
from pipeline.training.augmentation.augmenter import Augmenter
from pipeline.training.feeding.decoding import map_in_order, untuned
from pipeline.training.feeding.feeding import Feeding
from pipeline.training.feeding.order import seed_at
from pipeline.training.label_form import LabelForm
from preprocessing.scaling import scale


def steps_per_epoch(size: int, section: TrainingSection) -> int:
    """Steps in which every training image is seen, `n_augmentation` times each."""
    return math.ceil(size / (section.batch_size // section.augmentation.n_augmentation))


def training_batches(
    feeding: Feeding,
    section: TrainingSection,
    augmenter: Augmenter,
    form: LabelForm,
    *,
    epochs: int,
    first_epoch: int = 0,
    first_step: int = 0,
    place: Place = ALONE,
) -> tf.data.Dataset:
    """The batches of all epochs in a row, `steps_per_epoch` each: `(pixels [N, H, W, C], labels[, weights [N]])`.

    Order and augmentation follow from the seed and the position alone: a training that begins at `first_epoch` and
    `first_step` gets what one that never stopped gets there.

    Args:
        feeding: the examples.
        section: batch size, seed.
        augmenter: from levels to the network's pixels.
        form: of the labels.
        epochs: how many there are in the whole training.
        first_epoch: from 0.
        first_step: within the first epoch, from 0.
        place: this process among those that train; it gets its replicas' parts of each batch, one after the other.
    """
    shares = Shares(feeding.train.size, section.batch_size // section.augmentation.n_augmentation, place)
    per_epoch = shares.steps * place.local_replicas
    parts = feeding.training_parts(shares, first_epoch, first_step, epochs)

    def finished(number: tf.Tensor, part: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        seed = seed_at(section.seed, number // per_epoch, *place.position(number % per_epoch))
        pixels, encoded = augmenter(*part, seed, form.encode)
        return (pixels, encoded) if form.weights is None else (pixels, encoded, form.weigh(encoded))

    numbered = parts.enumerate(first_epoch * per_epoch + first_step * place.local_replicas)
    return _ready(map_in_order(numbered, finished))


def evaluation_batches(
    feeding: Feeding, section: TrainingSection, form: LabelForm, *, place: Place = ALONE
) -> tf.data.Dataset:
    """The batches of one pass, in the files' order, as they are: `(pixels [N, H, W, C], labels)`."""
    shares = Shares(feeding.evaluation.size, section.batch_size, place)
    graph, parts = feeding.graph, feeding.evaluation_parts(shares)
    # Keras takes the end of data of unknown length for an accident, and says so.
    parts = parts.apply(tf.data.experimental.assert_cardinality(shares.steps * place.local_replicas))
    return _ready(
        map_in_order(parts, lambda raw, labels: (scale(raw, graph.spec, graph.statistics), form.encode(labels)))
    )


# One batch is ready while the next is being made; more would only smooth what shuffling smooths already.
_PREFETCHED_BATCHES = 2


def _ready(dataset: tf.data.Dataset) -> tf.data.Dataset:
    options = untuned()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.with_options(options).prefetch(_PREFETCHED_BATCHES)
