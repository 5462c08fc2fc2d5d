"""The training from scratch that one with weights from elsewhere is compared with, and falls back to."""

from __future__ import annotations

import dataclasses

from darkroom.configuration.objective_section import ObjectiveSection
from darkroom.configuration.recipe_section import RecipeSection
from pipeline.progress import reporter
from pipeline.training.options import TrainerOptions
from pipeline.training.preparation import Material
from pipeline.training.session import Session
from pipeline.training.state.saver import read_state
from pipeline.training.state.store import StateStore
from pipeline.training.watching.transfer_check import FIRST_EPOCHS, TransferCheck
from pipeline.training.watching.trivial import trivial

_COMPARISON = "comparison"


def from_scratch(options: TrainerOptions) -> TrainerOptions:
    """The same training without anything from elsewhere."""
    training = options.training.model_copy(update={"recipe": RecipeSection()})
    return options.model_copy(update={"training": training, "weights": None, "starting": None})


def fallback_store(store: StateStore) -> StateStore:
    """Where the training from scratch keeps its state, beside that of the one that it takes the place of."""
    return dataclasses.replace(store, folder=f"{store.folder}-scratch")


def reached_from_scratch(material: Material, options: TrainerOptions, store: StateStore | None) -> float | None:
    """The best that the first epochs from scratch reach, on the same budget; None where nobody asks for it.

    A session that goes on finds it in the state.
    """
    section = options.training
    if not (section.recipe.compare_with_scratch and options.starts_elsewhere):
        return None
    saved = read_state(store) if store is not None and section.checkpoint.resume else None
    if saved is not None and TransferCheck.key in saved.callbacks:
        known: float | None = saved.callbacks[TransferCheck.key]["scratch"]
        return known
    subject, phases = dataclasses.replace(material, run_folder=None).prepare(_first_epochs(material, options))
    reporter().note(f"Training {subject.options.training.epochs} epochs from scratch, to see whether weights help.")
    session = Session(subject, None)
    session.run(tuple(dataclasses.replace(phase, name=_COMPARISON) for phase in phases))
    return max(session.history.values.get(trivial(subject.facts).metric, ()), default=None)


def _first_epochs(material: Material, options: TrainerOptions) -> TrainerOptions:
    """As many epochs as the recipe has in all, but no more than are compared."""
    subject, phases = material.prepare(options)
    epochs = min(sum(phase.epochs_for(subject.batches.per_epoch) for phase in phases), FIRST_EPOCHS)
    scratch = from_scratch(options)
    update = {
        "epochs": epochs,
        "steps": None,
        "early_stopping": None,
        "best_metric": None,
        "objective": ObjectiveSection(),
        "max_minutes": None,
    }
    return scratch.model_copy(update={"training": scratch.training.model_copy(update=update)})
