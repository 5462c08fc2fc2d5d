"""A network with all that it is trained with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

from darkroom.task import Task
from pipeline.distribution.distributed import distributed
from pipeline.distribution.replica_training import trained_in_replicas
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.models.network import Network
from pipeline.training.batches import Batches
from pipeline.training.metrics.of_training import outcomes_of
from pipeline.training.metrics.outcomes import Outcomes
from pipeline.training.options import TrainerOptions


@dataclass(frozen=True, slots=True)
class Subject:
    """What is trained, on what, and where.

    Attributes:
        network: with its starting weights.
        task: what it predicts.
        options: of the training.
        batches: its data.
        strategy: the network was made under.
        facts: of the data set.
        own_callbacks: the user's.
        run_folder: where logs and checkpoints go; None writes none.
        starts_elsewhere: whether its weights come from another training.
        scratch_reached: what a training from scratch on the same budget reached; None where there was none.
    """

    network: Network
    task: Task
    options: TrainerOptions
    batches: Batches
    strategy: tf.distribute.Strategy
    facts: DatasetFacts
    own_callbacks: tuple[keras.callbacks.Callback, ...] = ()
    run_folder: str | None = None
    starts_elsewhere: bool = False
    scratch_reached: float | None = None

    @property
    def outcomes(self) -> Outcomes:
        """The form of labels and predictions."""
        return outcomes_of(self.network.model)


def run_epochs(
    subject: Subject,
    first: int,
    end: int,
    callbacks: Sequence[keras.callbacks.Callback],
    *,
    first_step: int = 0,
    evaluated: bool = True,
) -> None:
    """Keras's `fit` over some epochs of a training, under its strategy.

    Args:
        subject: a compiled network and its data.
        first: the first epoch, from 0 over all phases.
        end: the epoch after the last.
        callbacks: in the order in which they are called.
        first_step: within the first epoch; where it is not 0, that epoch is the only one.
        evaluated: whether the eval split is measured after each epoch.
    """
    batches, model, strategy = subject.batches, subject.network.model, subject.strategy
    training = batches.of_training(first, end, first_step)
    with strategy.scope():
        # Keras would make the metrics' and the optimizer's variables in the first step; a stored state needs them
        # before that.
        model._symbolic_build(data_batch=training.element_spec)
    with trained_in_replicas(model, strategy, batch_size=subject.options.training.batch_size):
        model.fit(
            distributed(training, strategy),
            validation_data=distributed(batches.of_evaluation(), strategy) if evaluated else None,
            initial_epoch=first,
            epochs=end,
            steps_per_epoch=batches.per_epoch - first_step,
            callbacks=list(callbacks),
            verbose=0,
        )
