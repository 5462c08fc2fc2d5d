"""The choice of how a training is fed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from darkroom.configuration.feeding_section import FeedingSection
from darkroom.errors import ConfigurationError

Mode = Literal["memory", "disk", "hybrid"]

# Of the machine's memory. The rest is for the network, the batches in flight, the page cache and other processes.
MEMORY_SHARE = 0.4

# What is trained on, and what is read meanwhile.
SEGMENTS_HELD = 2

# All segment files are open at once while they are written, and 1024 is what a process may open on most systems.
_MOST_SEGMENTS = 512

# Of the budget, for an eval split beside segments of the training split. It is smaller, and read in each epoch.
_EVALUATION_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Need:
    """What a training would hold in memory if it held everything.

    Attributes:
        train, evaluation: images in each split.
        image_bytes: of one preprocessed image.
        step: images that one step takes.
    """

    train: int
    evaluation: int
    image_bytes: int
    step: int

    @property
    def train_bytes(self) -> int:
        """Of the whole training split, preprocessed."""
        return self.train * self.image_bytes

    @property
    def evaluation_bytes(self) -> int:
        """Of the whole eval split, preprocessed."""
        return self.evaluation * self.image_bytes


@dataclass(frozen=True, slots=True)
class Budget:
    """The memory that may be held.

    Attributes:
        bytes: for preprocessed images.
        origin: where the number comes from, for messages.
    """

    bytes: int
    origin: str

    @classmethod
    def of(cls, section: FeedingSection, machine: int, workers_here: int = 1) -> Budget:
        """The configured budget, or a share of the machine's memory.

        Args:
            section: of the configuration.
            machine: bytes that the machine or the container has.
            workers_here: processes of this training on it.
        """
        if section.memory_megabytes is None:
            divided = f", divided among {workers_here} processes" if workers_here > 1 else ""
            origin = f"two fifths of the {_size(machine)} that this machine or container has{divided}"
            return cls(int(machine * MEMORY_SHARE) // workers_here, origin)
        configured = int(section.memory_megabytes * 2**20)
        if configured > machine:
            return cls(machine, "all that this machine or container has; training.feeding.memory_megabytes says more")
        return cls(configured, "training.feeding.memory_megabytes")


@dataclass(frozen=True, slots=True)
class Choice:
    """How both splits are fed, and why.

    Attributes:
        train, evaluation: the modes.
        segments: how many; 1 unless the training split is fed in `hybrid`.
        reason: a sentence with the sizes that decided.
    """

    train: Mode
    evaluation: Mode
    reason: str
    segments: int = 1

    def as_json(self) -> dict[str, Any]:
        """For the model's description."""
        return {
            "mode": self.train,
            "evaluation_mode": self.evaluation,
            "segments": self.segments,
            "reason": self.reason,
        }


def choose(section: FeedingSection, need: Need, budget: Budget, *, accelerated: bool) -> Choice:
    """Decides by sizes alone, never by what is free or fast at this moment: the choice decides the examples' order.

    `auto` takes memory where both splits fit. Where they do not, an accelerator waits for decoding unless something
    is done, so it is fed in segments, which decode each image once in `segment_epochs` epochs. On a CPU a network costs
    far more than decoding does, and the better mixed order of `disk` costs little (docs/training.md has the numbers).

    Args:
        section: of the configuration.
        need: the splits' sizes.
        budget: what may be held.
        accelerated: whether the network runs on a GPU or TPU.

    Raises:
        ConfigurationError: what `section.mode` asks for does not fit.
    """
    whole = need.train_bytes + need.evaluation_bytes
    sizes = f"preprocessed, both splits take {_size(whole)}, and {_size(budget.bytes)} may be held ({budget.origin})"
    if section.mode == "disk":
        return Choice("disk", "disk", "training.feeding.mode is disk")
    if whole <= budget.bytes:
        return Choice("memory", "memory", sizes)
    if section.mode == "memory":
        raise ConfigurationError(
            f"training.feeding.mode is memory, but {sizes}: {_size(need.train_bytes)} for training and "
            f"{_size(need.evaluation_bytes)} for evaluation. Take mode hybrid, disk or auto, a smaller "
            "preprocessing.height and width, or a larger training.feeding.memory_megabytes"
        )
    evaluation: Mode = "memory" if need.evaluation_bytes <= budget.bytes * _EVALUATION_SHARE else "disk"
    if section.mode == "auto" and not accelerated:
        return Choice("disk", evaluation, f"{sizes}; on a CPU decoding anew costs little beside the network")
    rest = budget.bytes - (need.evaluation_bytes if evaluation == "memory" else 0)
    segments = math.ceil(SEGMENTS_HELD * need.train_bytes / rest) if rest > 0 else need.train + 1
    if segments > min(_MOST_SEGMENTS, max(need.train // need.step, 1)):
        if section.mode == "auto":
            return Choice("disk", evaluation, f"{sizes}; that is too little for segments")
        raise ConfigurationError(
            f"training.feeding.mode is hybrid, but {sizes}: that makes {segments} segments, and each needs "
            f"{need.step} images, one step's, with {_MOST_SEGMENTS} segments at most. Take mode disk, or a larger "
            "training.feeding.memory_megabytes"
        )
    return Choice("hybrid", evaluation, sizes, segments)


def _size(number: int) -> str:
    return f"{number / 2**30:,.1f} GiB" if number >= 2**30 else f"{number / 2**20:,.1f} MiB"
