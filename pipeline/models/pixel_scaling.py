"""Pretrained weights see pixels as they were trained to: the preprocessing spec takes their scaling."""

from __future__ import annotations

from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError
from pipeline.models.own_code import find_own_code
from pipeline.models.weights_source import find_weights
from pipeline.models.zoo import architecture
from preprocessing.spec import Scaling


def with_matching_scaling(config: DarkroomConfig) -> DarkroomConfig:
    """The configuration with `preprocessing.scaling` as architecture and weights want it.

    Raises:
        ConfigurationError: the file gives another scaling; wrong pixels would cost accuracy without a word.
    """
    wanted, reason = _wanted(config)
    given = config.preprocessing.scaling
    if wanted is None or wanted == given:
        return config
    if "scaling" in config.preprocessing.model_fields_set:
        raise ConfigurationError(
            f"preprocessing.scaling is {given}, but {reason} {wanted}. Leave preprocessing.scaling out, or set it to "
            f"{wanted}."
        )
    # Built anew rather than copied, so that the spec checks the scaling against its channels.
    spec = type(config.preprocessing)(**(config.preprocessing.model_dump() | {"scaling": wanted}))
    return config.model_copy(update={"preprocessing": spec})


def _wanted(config: DarkroomConfig) -> tuple[Scaling | None, str]:
    """The scaling that this model must have, None if any will do; and the beginning of a sentence that says why."""
    own = find_own_code(config)
    # A network of the user's own may be anything, whatever architecture stands beside it.
    known = None if own and "build_model" in own.hooks else architecture(config.model.architecture)
    source = find_weights(config)
    if source is not None and source.scaling is not None:
        return source.scaling, f"model.weights {source.name} ({config.model.architecture}) were trained with"
    if known is not None and known.family.rescales_inside:
        return known.family.scaling, f"model.architecture {known.name} scales pixels itself and takes"
    return None, ""
