"""Optimizers of Keras by configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from darkroom.configuration.optimizer_section import TAKERS, OptimizerSection

# Keras's own default; the others decay nothing unless asked.
_ADAMW_DECAY = 0.004

# Weights whose size is no sign of overfitting: decaying a scale or an offset towards zero only bends the function.
_SPARED_FROM_DECAY = ("bias", "gamma", "beta")

_CLASSES: dict[str, Callable[..., keras.optimizers.Optimizer]] = {
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
    "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta,
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "adamax": keras.optimizers.Adamax,
    "nadam": keras.optimizers.Nadam,
    "amsgrad": keras.optimizers.Adam,
    "lion": keras.optimizers.Lion,
}


def build_optimizer(
    section: OptimizerSection, learning_rate: float | keras.optimizers.schedules.LearningRateSchedule
) -> keras.optimizers.Optimizer:
    """The configured optimizer.

    Args:
        section: which, and its options.
        learning_rate: a number, or a schedule over steps.
    """
    options: dict[str, Any] = {
        option: getattr(section, option)
        for option, takers in TAKERS.items()
        if section.name in takers and getattr(section, option) is not None
    }
    decay = section.weight_decay
    if decay is None and section.name == "adamw":
        decay = _ADAMW_DECAY
    if section.name == "amsgrad":
        options["amsgrad"] = True
    optimizer = _CLASSES[section.name](
        learning_rate=learning_rate,
        weight_decay=decay or None,
        clipnorm=section.clip_norm,
        global_clipnorm=section.global_clip_norm,
        clipvalue=section.clip_value,
        use_ema=section.ema_momentum is not None,
        ema_momentum=section.ema_momentum or 0.99,
        **options,
    )
    if decay:
        optimizer.exclude_from_weight_decay(var_names=list(_SPARED_FROM_DECAY))
    return optimizer
