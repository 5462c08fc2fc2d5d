"""`training.optimizer:` the rule by which gradients change weights."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from darkroom.configuration.section import Section

OptimizerName = Literal["sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamw", "adamax", "nadam", "amsgrad", "lion"]

_BETAS = frozenset({"adam", "adamw", "adamax", "nadam", "amsgrad", "lion"})

# Which optimizers know an option; those that are not here know it all.
TAKERS: dict[str, frozenset[str]] = {
    "momentum": frozenset({"sgd", "rmsprop"}),
    "nesterov": frozenset({"sgd"}),
    "rho": frozenset({"rmsprop", "adadelta"}),
    "beta_1": _BETAS,
    "beta_2": _BETAS,
    "epsilon": frozenset({"rmsprop", "adagrad", "adadelta", "adam", "adamw", "adamax", "nadam", "amsgrad"}),
}

Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]


class OptimizerSection(Section):
    """An optimizer of Keras and its options; options that are null have Keras's defaults."""

    name: OptimizerName = Field(default="adam", description="`amsgrad` is Adam with the AMSGrad correction.")
    momentum: Share | None = Field(default=None, description="Of `sgd` and `rmsprop`.")
    nesterov: bool = Field(default=False, description="Nesterov's momentum, for `sgd` with a momentum.")
    rho: Share | None = Field(
        default=None, description="Decay of the squared gradients' average in `rmsprop` and `adadelta`."
    )
    beta_1: Share | None = Field(default=None, description="Decay of the gradients' average in Adam's kin and `lion`.")
    beta_2: Share | None = Field(
        default=None, description="Decay of the squared gradients' average in Adam's kin; of the momentum in `lion`."
    )
    epsilon: Positive | None = Field(default=None, description="Keeps divisions from exploding.")
    weight_decay: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        default=None,
        description="Decoupled weight decay, with every optimizer; biases and normalisation are spared. `adamw` has "
        "0.004 if none is given.",
    )
    clip_norm: Positive | None = Field(default=None, description="Greatest norm of each variable's gradient.")
    global_clip_norm: Positive | None = Field(default=None, description="Greatest norm of all gradients together.")
    clip_value: Positive | None = Field(default=None, description="Greatest magnitude of each gradient value.")
    ema_momentum: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None,
        description="Keeps an exponential moving average of the weights with this momentum, such as 0.999; it is what "
        "is evaluated and exported.",
    )

    @model_validator(mode="after")
    def _options_fit_the_optimizer(self) -> Self:
        for option, takers in TAKERS.items():
            if getattr(self, option) not in (None, False) and self.name not in takers:
                raise ValueError(f"{self.name} has no {option}; {', '.join(sorted(takers))} have it")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum, such as 0.9")
        clips = [name for name in ("clip_norm", "global_clip_norm", "clip_value") if getattr(self, name) is not None]
        if len(clips) > 1:
            raise ValueError(f"{' and '.join(clips)} exclude each other; give one")
        return self
