"""What is said of a set of images once it is split: facts, notes for people, and when it is not enough."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from darkroom.errors import DataError
from darkroom.task import Task
from pipeline.features import SPLITS, TEST_SPLIT
from pipeline.ingestion.dataset_facts import DatasetFacts, TargetFacts
from pipeline.ingestion.labelled_image import Quarantined
from pipeline.ingestion.options import IngestionOptions
from pipeline.ingestion.quarantine import described
from pipeline.ingestion.splits import MIN_IMAGES_TO_HOLD_OUT
from pipeline.ingestion.splitting import Splitting
from pipeline.ingestion.staging import Rows

# How many sets of conflicting images a note names.
_NAMED = 3


def describe(
    location: str,
    options: IngestionOptions,
    labels: Sequence[str],
    rows: Rows,
    splitting: Splitting,
    *,
    quarantined: int,
    conflicts: Sequence[Sequence[str]],
) -> DatasetFacts:
    """The facts of a set.

    Args:
        location: of the source.
        options: the task.
        labels: class names in id order.
        rows: of all images.
        splitting: where they go.
        quarantined: how many were put aside.
        conflicts: the names of the images of each set with the same bytes and different labels.
    """
    is_regression = options.task is Task.REGRESSION
    members = {split: splitting.splits == number for number, split in enumerate(SPLITS)}
    counts = (
        {} if is_regression else {split: count_labels(labels, rows["label"][here]) for split, here in members.items()}
    )
    return DatasetFacts(
        source=location,
        task=options.task,
        labels=tuple(labels),
        counts=counts,
        targets={split: describe_targets(rows["target"][here]) for split, here in members.items() if here.any()}
        if is_regression
        else {},
        quarantined=quarantined,
        notes=(*_rare_classes(labels, counts), *_conflicts(conflicts, is_regression)),
        spans=tuple(str(span) for span in options.spans),
    )


def require_few_refused(location: str, usable: int, refused: Sequence[Quarantined], ceiling: float) -> None:
    """Ends a run whose quarantine is too large to be a few bad files.

    Raises:
        DataError: with the commonest reasons.
    """
    total = usable + len(refused)
    if total and len(refused) / total > ceiling:
        raise DataError(
            f"{location}: {len(refused)} of {total} images ({len(refused) / total:.1%}) had to be put aside, and "
            f"data.max_quarantined allows {ceiling:.1%}. Repair them, or raise it.{described(refused)}"
        )


def require_images(facts: DatasetFacts, refused: Sequence[Quarantined]) -> None:
    """Every class needs an image, and so does every split.

    Raises:
        DataError: with what was put aside.
    """
    usable = {label for counts in facts.counts.values() for label in counts}
    empty = [label for label in facts.labels if label not in usable]
    if empty:
        raise DataError(
            f"{facts.source}: no usable image of {', '.join(map(repr, empty))}. Every class needs at least one image "
            f"that can be decoded; add some, or leave the class out.{described(refused)}"
        )
    if not all(facts.split_size(split) for split in SPLITS):
        total = sum(facts.split_size(split) for split in SPLITS)
        need = f"{MIN_IMAGES_TO_HOLD_OUT} different images"
        need = f"At least {need} are needed" if facts.task is Task.REGRESSION else f"At least one class needs {need}"
        raise DataError(
            f"{facts.source}: {total} usable images are too few to fill the splits train, eval and test. {need} that "
            f"need not stay together (copies, look-alikes, data.group); a useful model needs dozens of each kind."
            f"{described(refused)}"
        )


def count_labels(labels: Sequence[str], ids: np.ndarray) -> dict[str, int]:
    """How many images of each class there are among class ids `[N]`; classes without any left out."""
    counts = np.bincount(ids, minlength=len(labels))
    return dict(sorted((label, int(count)) for label, count in zip(labels, counts, strict=True) if count))


def describe_targets(targets: np.ndarray) -> TargetFacts:
    """The targets of one split, `[N]`, one at least."""
    wide = targets.astype(np.float64)
    return TargetFacts(
        count=len(wide),
        mean=float(wide.mean()),
        deviation=float(wide.std()),
        minimum=float(wide.min()),
        maximum=float(wide.max()),
    )


def _rare_classes(labels: Sequence[str], counts: dict[str, dict[str, int]]) -> list[str]:
    notes = []
    for label in labels if counts else ():
        total = sum(counts[split].get(label, 0) for split in SPLITS)
        if total and not counts[TEST_SPLIT].get(label):
            images = "1 image" if total == 1 else f"{total} images"
            notes.append(
                f"Class {label!r} has only {images}, all used for training: it is not judged by the test split. "
                f"Add images until it has at least {MIN_IMAGES_TO_HOLD_OUT} different ones."
            )
    return notes


def _conflicts(conflicts: Sequence[Sequence[str]], is_regression: bool) -> list[str]:
    if not conflicts:
        return []
    values = "targets" if is_regression else "labels"
    named = "; ".join(" = ".join(names) for names in conflicts[:_NAMED])
    more = f"; and {len(conflicts) - _NAMED} more" if len(conflicts) > _NAMED else ""
    sets = "1 set of files has" if len(conflicts) == 1 else f"{len(conflicts)} sets of files have"
    return [f"{sets} the same bytes and different {values}, of which only one can be right: {named}{more}."]
