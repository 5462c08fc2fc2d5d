"""`darkroom cross-validate`, in this process, for a binary task."""

import csv
import io

import pytest
import yaml

from darkroom.cli import cli
from tests.pipeline.image_sets import write_digits

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_binary_task_is_cross_validated(tmp_path, capfd):
    write_digits(tmp_path / "images", digits=(0, 1), of_each=24)
    config = {
        "data": {"images": "images", "task": "binary", "positive": "1"},
        "preprocessing": {"height": 8, "width": 8, "channels": 1},
        "model": {"name": "made", "small_cnn": {"filters": [4]}, "dropout": 0.0},
        "training": {"epochs": 1, "batch_size": 16, "learning_rate": 0.01},
    }
    path = tmp_path / "darkroom.yaml"
    path.write_text(yaml.safe_dump(config))
    given = ["cross-validate", "-c", str(path), "-k", "3"]

    cli.main([*given, "--csv"], standalone_mode=False)
    printed = capfd.readouterr()
    rows = list(csv.DictReader(io.StringIO(printed.out)))
    assert [row["fold"] for row in rows] == ["1", "2", "3", "mean", "deviation"]
    folds = rows[:3]
    assert all(int(row["train"]) + int(row["eval"]) + int(row["test"]) == 38 for row in folds)
    assert sum(int(row["test"]) for row in folds) == 38
    assert float(rows[3]["f1"]) == pytest.approx(sum(float(row["f1"]) for row in folds) / 3)
    assert "38 images in 3 folds; the 10 of the test split are untouched" in printed.err
    assert "fold 3 of 3" in printed.err
    assert "roc auc" in printed.err
    assert list((tmp_path / ".darkroom" / "folds").iterdir()) == []
