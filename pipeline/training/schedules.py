"""Learning-rate schedules by configuration."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from darkroom.configuration.schedule_section import ScheduleSection


@keras.saving.register_keras_serializable(package="darkroom")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A line from zero to where another schedule begins, then that schedule."""

    def __init__(self, after: keras.optimizers.schedules.LearningRateSchedule, steps: int) -> None:
        """Takes the schedule that follows, and how many steps the line takes."""
        super().__init__()
        self.after = after
        self.steps = steps

    def __call__(self, step: Any) -> Any:
        """The rate at a step, counted from zero."""
        step = ops.cast(step, "float32")
        # The first step already learns: at exactly zero it would be lost.
        rising = self.after(0) * (step + 1.0) / self.steps
        return ops.where(step < self.steps, rising, self.after(ops.maximum(step - self.steps, 0.0)))

    def get_config(self) -> dict[str, Any]:
        """For Keras's files."""
        return {"after": keras.saving.serialize_keras_object(self.after), "steps": self.steps}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> WarmUp:
        """From Keras's files."""
        return cls(keras.saving.deserialize_keras_object(config["after"]), config["steps"])


@keras.saving.register_keras_serializable(package="darkroom")
class Shifted(keras.optimizers.schedules.LearningRateSchedule):
    """Another schedule, begun at a step other than zero."""

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, start: int) -> None:
        """Takes the schedule, and the step at which it begins."""
        super().__init__()
        self.schedule = schedule
        self.start = start

    def __call__(self, step: Any) -> Any:
        """The rate at a step; before the start that of the schedule's first."""
        return self.schedule(ops.maximum(ops.cast(step, "float32") - self.start, 0.0))

    def get_config(self) -> dict[str, Any]:
        """For Keras's files."""
        return {"schedule": keras.saving.serialize_keras_object(self.schedule), "start": self.start}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Shifted:
        """From Keras's files."""
        return cls(keras.saving.deserialize_keras_object(config["schedule"]), config["start"])


@keras.saving.register_keras_serializable(package="darkroom")
class Constant(keras.optimizers.schedules.LearningRateSchedule):
    """One rate, for where a schedule is wanted."""

    def __init__(self, rate: float) -> None:
        """Takes the rate."""
        super().__init__()
        self.rate = rate

    def __call__(self, step: Any) -> Any:
        """The rate at any step."""
        return ops.convert_to_tensor(self.rate, "float32")

    def get_config(self) -> dict[str, Any]:
        """For Keras's files."""
        return {"rate": self.rate}


def learning_rate(
    section: ScheduleSection, peak: float, *, steps: int, steps_per_epoch: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The rate as a function of the step, or a number where callbacks change it (`plateau`) or nothing does.

    Args:
        section: which schedule.
        peak: the highest rate.
        steps: of the whole training.
        steps_per_epoch: to turn epochs into steps.
    """
    warmup = min(round(section.warmup_epochs * steps_per_epoch), steps)
    decay_steps = max(round(section.decay_epochs * steps_per_epoch), 1)
    schedule: keras.optimizers.schedules.LearningRateSchedule
    if section.name == "plateau":
        return peak
    if section.name == "constant":
        if not warmup:
            return peak
        schedule = Constant(peak)
    elif section.name == "exponential":
        schedule = keras.optimizers.schedules.ExponentialDecay(
            peak, decay_steps, section.decay_rate, staircase=section.staircase
        )
    elif section.name == "inverse_time":
        schedule = keras.optimizers.schedules.InverseTimeDecay(
            peak, decay_steps, section.decay_rate, staircase=section.staircase
        )
    else:
        schedule = keras.optimizers.schedules.CosineDecay(peak, max(steps - warmup, 1), alpha=section.final_share)
    return WarmUp(schedule, warmup) if warmup else schedule


def shifted(
    rate: float | keras.optimizers.schedules.LearningRateSchedule, start: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The same rate for an optimizer whose step count does not begin at zero."""
    return Shifted(rate, start) if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) else rate
