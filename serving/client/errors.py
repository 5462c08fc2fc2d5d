"""Errors of the client beside `serving.errors.ServingError`."""

from __future__ import annotations

from serving.errors import Code, ServingError


class ImageRefusedError(ServingError):
    """The gateway refused an image.

    Attributes:
        reason: the rule that it broke, as in `preprocessing.images.Refusal`.
        image: its place among the images that were sent, from 0.
    """

    def __init__(self, message: str, reason: str, image: int) -> None:
        super().__init__(Code.INVALID_ARGUMENT, message)
        self.reason = reason
        self.image = image


class BusyError(ServingError):
    """The gateway can't answer now and has said when to ask again.

    Attributes:
        retry_after_seconds: how long it wants to be left alone.
    """

    def __init__(self, code: Code, message: str, retry_after_seconds: float) -> None:
        super().__init__(code, message)
        self.retry_after_seconds = retry_after_seconds


class NotReadyError(ServingError):
    """The gateway is there and its model is not, yet or any more; the message says why."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.UNAVAILABLE, message)
