"""Which id each class gets."""

from __future__ import annotations

from collections.abc import Collection

from darkroom.errors import DataError
from darkroom.task import Task


def in_id_order(
    found: Collection[str], *, task: Task, positive: str | None, classes: tuple[str, ...] | None, location: str
) -> list[str]:
    """Class names in id order: as configured, else alphabetical; a binary task's positive class comes last.

    Args:
        found: the names in the data.
        task: multiclass or binary.
        positive: a binary task's.
        classes: `data.classes`.
        location: of the data, for messages.

    Raises:
        DataError: fewer than two classes, or not the two of a binary task.
    """
    names = list(classes) if classes is not None else sorted(found)
    if len(names) < 2:
        held = f"only one class, {names[0]!r}" if names else "no class"
        raise DataError(f"{location}: holds {held}. A classifier needs at least two; add images of something else.")
    if task is not Task.BINARY:
        return names
    shown = ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "")
    if positive not in names:
        raise DataError(f"{location}: data.positive is {positive!r}, but the classes are {shown}.")
    if len(names) != 2:
        raise DataError(
            f"{location}: a binary task has two classes, but there are {len(names)}: {shown}. Set task: multiclass, or "
            "data.classes to the two that are meant."
        )
    return sorted(names, key=lambda name: name == positive)
