import random
import statistics

import pytest

from pipeline.ingestion.split_counts import classes_by_split, count_shard, targets_by_split


def test_shards_of_targets_join_to_the_statistics_of_all():
    # A mean that is large beside the deviation: sums of squares would lose it.
    targets = [1e7 + random.Random(0).gauss(0, 1) * number for number in range(100)]
    parts = [targets[:1], targets[1:40], targets[40:]]
    counts = [count for part in parts for count in count_shard("train", (("", target) for target in part))]
    found = targets_by_split(counts)["train"]
    assert found.count == 100
    assert found.mean == pytest.approx(statistics.fmean(targets), rel=1e-12)
    assert found.deviation == pytest.approx(statistics.pstdev(targets), rel=1e-9)
    assert (found.minimum, found.maximum) == (min(targets), max(targets))


def test_classes_are_counted_in_each_split():
    counts = [*count_shard("train", [("b", None), ("a", None), ("b", None)]), *count_shard("train", [("a", None)])]
    assert classes_by_split([*counts, *count_shard("test", [("b", None)])]) == {
        "train": {"a": 2, "b": 2},
        "eval": {},
        "test": {"b": 1},
    }
