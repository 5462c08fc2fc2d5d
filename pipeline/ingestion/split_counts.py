"""How many images, of which classes or with which targets, lie in each split: summed up where they are written."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.features import SPLITS
from pipeline.ingestion.dataset_facts import TargetFacts


@dataclass(frozen=True, slots=True)
class ShardCount:
    """What one shard holds of one class, or of a regression's targets.

    Attributes:
        split: the shard's.
        text: class name; empty for a regression.
        count: images.
        mean: of the targets; 0 for classes.
        squares: sum of the targets' squared distances from their mean.
        minimum, maximum: of the targets.
    """

    split: str
    text: str
    count: int
    mean: float = 0.0
    squares: float = 0.0
    minimum: float = 0.0
    maximum: float = 0.0


def count_shard(split: str, images: Iterable[tuple[str, float | None]]) -> Iterator[ShardCount]:
    """Counts `(class name, target)` of a shard's images."""
    classes: Counter[str] = Counter()
    targets: list[float] = []
    for text, target in images:
        if target is None:
            classes[text] += 1
        else:
            targets.append(target)
    for text, count in sorted(classes.items()):
        yield ShardCount(split, text, count)
    if targets:
        mean = math.fsum(targets) / len(targets)
        squares = math.fsum((target - mean) ** 2 for target in targets)
        yield ShardCount(split, "", len(targets), mean, squares, min(targets), max(targets))


def classes_by_split(counts: Sequence[ShardCount]) -> dict[str, dict[str, int]]:
    """`{split: {class name: images}}`, every split and no empty class."""
    found: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    for part in counts:
        found[part.split][part.text] += part.count
    return {split: dict(sorted(by_class.items())) for split, by_class in found.items()}


def targets_by_split(counts: Sequence[ShardCount]) -> dict[str, TargetFacts]:
    """The targets of each split that has any.

    Shards are joined by the formula of Chan, Golub and LeVeque (1979) for the variance of two samples together, which
    does not lose digits where the mean is large beside the deviation.
    """
    found: dict[str, ShardCount] = {}
    for part in counts:
        found[part.split] = _joined(found[part.split], part) if part.split in found else part
    return {
        split: TargetFacts(
            count=part.count,
            mean=part.mean,
            deviation=math.sqrt(part.squares / part.count),
            minimum=part.minimum,
            maximum=part.maximum,
        )
        for split, part in ((split, found[split]) for split in SPLITS if split in found)
    }


def _joined(one: ShardCount, other: ShardCount) -> ShardCount:
    count = one.count + other.count
    apart = other.mean - one.mean
    return ShardCount(
        one.split,
        "",
        count,
        one.mean + apart * other.count / count,
        one.squares + other.squares + apart * apart * one.count * other.count / count,
        min(one.minimum, other.minimum),
        max(one.maximum, other.maximum),
    )
