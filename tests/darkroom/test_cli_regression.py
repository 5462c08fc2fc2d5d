"""`darkroom run`, whole, for a regression: from a listing with prices to a pushed model that says a price."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf

from tests.darkroom.command import darkroom
from tests.preprocessing.made_images import png_bytes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

IMAGES = 120
CONFIGURATION = """
data:
  task: regression
  listing: {path: prices.csv, target: price}
preprocessing: {height: 8, width: 8, channels: 1}
model: {name: prices, small_cnn: {filters: [8]}, dropout: 0.0}
training: {epochs: 15, batch_size: 16, learning_rate: 0.01}
evaluation:
  rules:
    - {metric: r2, min: 0.5}
    - {metric: mae, max: 2000, slice: camera, min_images: 5}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("prices")
    random = np.random.default_rng(0)
    with (root / "prices.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "price", "camera"])
        for number in range(IMAGES):
            level = int(random.integers(20, 200))
            image = random.integers(level, level + 50, (8, 8)).astype(np.uint8)
            (root / f"{number}.png").write_bytes(png_bytes(image))
            rows.writerow([f"{number}.png", 5000 + 100 * level, "left" if number % 2 else "right"])
    (root / "darkroom.yaml").write_text(CONFIGURATION)
    return root


@pytest.fixture(scope="module")
def summary(project):
    run = darkroom("run", "-c", project / "darkroom.yaml", "--json", timeout=500)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_it_is_measured_in_the_targets_unit_and_pushed(summary):
    assert summary["task"] == "regression"
    assert summary["metrics"]["r2"] > 0.9
    assert 0 < summary["metrics"]["mae"] < 2000
    assert summary["labels"] == []
    assert "MAE by camera: passed for left, right." in summary["reasons"]


def test_the_pushed_model_says_a_price(project, summary):
    loaded = tf.saved_model.load(summary["pushed_to"])
    images = [(project / f"{number}.png").read_bytes() for number in range(8)]
    with (project / "prices.csv").open() as file:
        wanted = [float(row["price"]) for row in csv.DictReader(file)][:8]
    values = loaded.signatures["serving_default"](tf.constant(images))["value"].numpy()
    assert values == pytest.approx(wanted, abs=6 * summary["metrics"]["mae"])


def test_its_page_shows_targets_and_errors(project, summary):
    [page] = (project / ".darkroom" / "reports").glob("*.html")
    text = page.read_text()
    assert "Targets and values" in text
    assert "The largest errors" in text
