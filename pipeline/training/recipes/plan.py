"""From a recipe to its phases."""

from __future__ import annotations

from dataclasses import replace

from darkroom.configuration.schedule_section import ScheduleSection
from darkroom.configuration.training_section import TrainingSection
from darkroom.errors import ConfigurationError
from pipeline.models.network import Network
from pipeline.training.metrics.registry import greater_is_better
from pipeline.training.recipes.phase import Phase, Watched

_EVAL_LOSS = "val_loss"

# Small sets make noisy epochs: the fewer images a class has, the longer a fall of the learning rate waits.
_PATIENCE_BY_IMAGES_PER_CLASS = ((200, 5), (500, 4))
_PATIENCE_OF_LARGE_SETS = 2
_STOPS_AFTER_PATIENCES = 3


def plan(section: TrainingSection, network: Network, images_per_class: float) -> tuple[Phase, ...]:
    """The phases of the configured recipe, in order.

    Args:
        section: recipe, and what `scratch` and its kin take from the rest.
        network: for `progressive`, its groups.
        images_per_class: training images divided by classes.

    Raises:
        ConfigurationError: the recipe cannot be followed with this network.
    """
    recipe = section.recipe
    if recipe.name == "transfer":
        return (_whole(section, "transfer", learns="head"),)
    if recipe.name == "fine_tune":
        return _fine_tune(section, images_per_class)
    if recipe.name == "progressive":
        return _progressive(section, network)
    if recipe.name == "domain_init":
        return (
            _constant("init", recipe.init_epochs, section.learning_rate, dropout=recipe.init_dropout),
            _whole(section, "domain_init", dropout=_built_dropout(network)),
        )
    return (_whole(section, recipe.name),)


def default_patience(images_per_class: float) -> int:
    """Epochs without better eval accuracy after which `fine_tune` lowers the learning rate."""
    for below, patience in _PATIENCE_BY_IMAGES_PER_CLASS:
        if images_per_class < below:
            return patience
    return _PATIENCE_OF_LARGE_SETS


def _watched(section: TrainingSection, metric: str, min_delta: float = 0.0) -> Watched:
    return Watched(metric, greater_is_better(metric, section.metric_options), min_delta)


def _best(section: TrainingSection) -> Watched | None:
    return _watched(section, section.best_metric) if section.best_metric else None


def _whole(section: TrainingSection, name: str, *, learns: str = "all", dropout: float | None = None) -> Phase:
    """A phase as `training` describes it."""
    rule = section.early_stopping
    return Phase(
        name=name,
        epochs=section.epochs,
        learning_rate=section.learning_rate,
        schedule=section.schedule,
        watched=_watched(section, rule.metric, rule.min_delta) if rule else None,
        patience=rule.patience if rule else None,
        learns="head" if learns == "head" else "all",
        dropout=dropout,
        steps=section.steps,
        best=_best(section),
        plateau=_watched(section, section.schedule.metric) if section.schedule.metric else None,
    )


def _constant(name: str, epochs: int, rate: float, learns: int | None = None, dropout: float | None = None) -> Phase:
    """A few epochs at one rate, all of which run; the last one's weights go on."""
    return Phase(
        name=name,
        epochs=epochs,
        learning_rate=rate,
        schedule=ScheduleSection(name="constant"),
        watched=None,
        patience=None,
        learns="all" if learns is None else learns,
        dropout=dropout,
    )


def _fine_tune(section: TrainingSection, images_per_class: float) -> tuple[Phase, ...]:
    recipe = section.recipe
    patience = recipe.patience or default_patience(images_per_class)
    head = Phase(
        name="head",
        epochs=recipe.head_epochs,
        learning_rate=recipe.head_learning_rate,
        schedule=ScheduleSection(name="plateau", patience=patience, factor=recipe.factor, min_delta=0.0),
        watched=_watched(section, recipe.metric),
        patience=_STOPS_AFTER_PATIENCES * patience,
        learns="head",
        dropout=recipe.head_dropout,
        best=_best(section),
    )
    return head, replace(
        head, name="all", epochs=recipe.all_epochs, learning_rate=recipe.all_learning_rate, learns="all"
    )


def _progressive(section: TrainingSection, network: Network) -> tuple[Phase, ...]:
    recipe = section.recipe
    if not network.groups:
        raise ConfigurationError(
            "training.recipe progressive unfreezes convolutional groups, and those of a model of your own are not "
            "known; choose fine_tune"
        )
    head = Phase(
        name="head",
        epochs=recipe.head_epochs,
        learning_rate=recipe.head_learning_rate,
        schedule=ScheduleSection(name="constant"),
        watched=_watched(section, _EVAL_LOSS),
        patience=_STOPS_AFTER_PATIENCES,
        learns="head",
        dropout=recipe.head_dropout,
        best=_best(section),
    )
    from_the_top = [group.name for group in reversed(network.groups)]
    return (
        head,
        *(
            _constant(f"group {name}", recipe.group_epochs, recipe.all_learning_rate, learns=number, dropout=None)
            for number, name in enumerate(from_the_top, start=1)
        ),
    )


def _built_dropout(network: Network) -> float | None:
    return next((layer.rate for layer in network.head if layer.name == "head_dropout"), None)
