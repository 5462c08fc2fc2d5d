"""What a source says of one image, before it is opened."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One image of a source.

    Attributes:
        path: where to open it; where it comes from, if `data` is there.
        name: what reports and `image/filename` call it: its path relative to the source's root, with `/`.
        label: class id; None for a regression.
        text: class name; empty for a regression.
        target: a regression's; None for classes.
        group: images of one group lie in one split; empty for an image that is a group of its own.
        data: the encoded bytes of an image that is in no file of its own.
        split: where the source itself puts it; None leaves that to the rules.
        extra: further columns, `(name, text)`, the same names for all images of a source.
    """

    path: str
    name: str
    label: int | None = None
    text: str = ""
    target: float | None = None
    group: str = ""
    data: bytes | None = None
    split: str | None = None
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file or row that was put aside.

    Attributes:
        file: path relative to the source's root; of a row without one, the listing and the line.
        label: class name, or the target as it was written.
        reason: a `preprocessing.images.Refusal`, or one of the reasons below.
        detail: what was found and what to do.
    """

    file: str
    label: str
    reason: str
    detail: str


# Reasons that are not the image's own.
UNREADABLE = "unreadable"
MALFORMED_ROW = "malformed_row"
MISSING_IMAGE = "missing_image"
MISSING_LABEL = "missing_label"
UNKNOWN_LABEL = "unknown_label"
MISSING_TARGET = "missing_target"
INVALID_TARGET = "invalid_target"
DUPLICATE_ROW = "duplicate_row"
CONFLICTING_ROWS = "conflicting_rows"
TORN_BETWEEN_SPLITS = "torn_between_splits"
