"""Callbacks that can be put back to where they were."""

from __future__ import annotations

from typing import Any, ClassVar

import keras


class Resumable(keras.callbacks.Callback):
    """A callback whose memory is part of a training's state.

    Attributes:
        key: under which its memory is stored.
    """

    key: ClassVar[str]

    def state(self) -> dict[str, Any]:
        """What it must remember; JSON."""
        raise NotImplementedError

    def restore(self, state: dict[str, Any]) -> None:
        """Puts back what `state` gave."""
        raise NotImplementedError

    def files(self) -> set[str]:
        """Files in the state's store that belong to its memory."""
        return set()
