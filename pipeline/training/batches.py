"""The data of one training."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from darkroom.configuration.training_section import TrainingSection
from pipeline.distribution.shares import ALONE, Place
from pipeline.training.augmentation.augmenter import Augmenter
from pipeline.training.dataset import LabelForm, evaluation_batches, steps_per_epoch, training_batches
from pipeline.training.feeding.feeding import Feeding


@dataclass(frozen=True, slots=True)
class Batches:
    """Where batches come from and what is done to them.

    Attributes:
        feeding: the splits' examples.
        section: batch size, seed.
        augmenter: from levels to the network's pixels.
        form: of the labels.
        place: this process's share of each batch.
    """

    feeding: Feeding
    section: TrainingSection
    augmenter: Augmenter
    form: LabelForm
    place: Place = ALONE

    @property
    def per_epoch(self) -> int:
        """Steps in an epoch."""
        return steps_per_epoch(self.feeding.train.size, self.section)

    def of_training(self, first_epoch: int, end_epoch: int, first_step: int = 0) -> tf.data.Dataset:
        """The batches from a position on, up to an epoch that is not included."""
        return training_batches(
            self.feeding,
            self.section,
            self.augmenter,
            self.form,
            epochs=end_epoch,
            first_epoch=first_epoch,
            first_step=first_step,
            place=self.place,
        )

    def of_evaluation(self) -> tf.data.Dataset:
        """One pass over the eval split."""
        return evaluation_batches(self.feeding, self.section, self.form, place=self.place)
