"""Why an image is refused."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """The reasons, as they appear in reports, metrics and answers."""

    EMPTY = "empty"
    UNKNOWN_FORMAT = "unknown_format"
    UNWANTED_FORMAT = "unwanted_format"
    UNSUPPORTED_VARIANT = "unsupported_variant"
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_LONG_SIDE = "too_long_side"
    TOO_SMALL = "too_small"
    TOO_MANY_FRAMES = "too_many_frames"
    TOO_MANY_SCANS = "too_many_scans"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"


class ImageRefusedError(ValueError):
    """An image that Darkroom will not decode.

    Attributes:
        reason: the short, stable name of the rule.
        detail: what was found, what was wanted, and what to do; one sentence for people.
    """

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[ImageRefusedError], tuple[Refusal, str]]:
        # Beam carries errors between processes; the default would call the constructor with the message alone.
        return (type(self), (self.reason, self.detail))
