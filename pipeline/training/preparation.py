"""What a training needs before it begins."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import tensorflow as tf

from darkroom.configuration.training_section import TrainingSection
from darkroom.errors import ConfigurationError
from pipeline.distribution.batch_norm import synchronize_batch_norm
from pipeline.distribution.precision import precision
from pipeline.distribution.shares import place_of
from pipeline.features import TRAIN_SPLIT
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.training.augmentation.augmenter import Augmenter
from pipeline.training.batches import Batches
from pipeline.training.callbacks import own_callbacks
from pipeline.training.compilation import compile_network, make_network
from pipeline.training.feeding.feeding import Feeding
from pipeline.training.label_form import Encoding, LabelForm
from pipeline.training.losses import class_weight_vector, wanted_encoding
from pipeline.training.options import TrainerOptions
from pipeline.training.recipes.phase import Phase, Watched
from pipeline.training.recipes.plan import plan
from pipeline.training.subject import Subject
from pipeline.training.warm_start import take_weights


@dataclass(frozen=True, slots=True)
class Material:
    """What a network is trained with, whichever network it is.

    Attributes:
        feeding: the splits' examples.
        facts: of the data set: labels and counts.
        strategy: where it runs.
        run_folder: where logs and checkpoints go; None writes none.
    """

    feeding: Feeding
    facts: DatasetFacts
    strategy: tf.distribute.Strategy
    run_folder: str | None = None

    def prepare(
        self, options: TrainerOptions, scratch_reached: float | None = None
    ) -> tuple[Subject, tuple[Phase, ...]]:
        """Builds the network, and plans its phases; the same each time.

        Args:
            options: what to train and how.
            scratch_reached: what a training from scratch reached, to compare with.

        Raises:
            ConfigurationError: architecture, weights, the user's code, the recipe or an option does not fit these
                images or this task.
        """
        section, task, facts, strategy = options.training, self.facts.task, self.facts, self.strategy
        # Seeds Python, NumPy and TensorFlow: weights and dropout derive from it; order and augmentation have their own.
        keras.utils.set_random_seed(section.seed)
        with strategy.scope(), precision(section.precision):
            network = make_network(options, facts)
            if options.starting is not None:
                take_weights(network, options.starting, facts.labels)
            if section.distribution.sync_batch_norm:
                synchronize_batch_norm(network.model)
            phases = plan(section, network, self.feeding.train.size / max(len(facts.labels), 1))
            # The loss tells in which form it wants its labels; each phase compiles anew.
            compile_network(network, options, facts, section.learning_rate)
        form = _label_form(network.model, section, facts)
        augmenter = Augmenter(
            section.augmentation, self.feeding.graph, options.own_code, self.feeding.train.label.dtype
        )
        place = place_of(strategy)
        batches = Batches(self.feeding, section, augmenter, form, place)
        watched = phases[0].watched or Watched("val_loss", greater_is_better=False)
        subject = Subject(
            network,
            task,
            options,
            batches,
            strategy,
            facts,
            own_callbacks=own_callbacks(options.own_code, watched.metric, watched.greater_is_better),
            run_folder=self.run_folder,
            starts_elsewhere=options.starts_elsewhere,
            scratch_reached=scratch_reached,
        )
        return subject, phases


def _label_form(model: keras.Model, section: TrainingSection, facts: DatasetFacts) -> LabelForm:
    encoding = wanted_encoding(model)
    if section.augmentation.mixes_labels and encoding is Encoding.IDS:
        raise ConfigurationError(
            "training.augmentation mixes labels (mixup, cutmix), but the loss takes class ids; compile the model with "
            "categorical_crossentropy, or leave mixing out"
        )
    weights = class_weight_vector(section.class_weights, facts.labels, facts.counts.get(TRAIN_SPLIT, {}))
    return LabelForm(len(facts.labels), encoding, weights)
