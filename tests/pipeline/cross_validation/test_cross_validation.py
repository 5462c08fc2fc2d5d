"""Folds of ingested sets, and the models that are trained on them."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_sample_images

from darkroom.configuration import DarkroomConfig
from darkroom.errors import ConfigurationError
from pipeline import features
from pipeline.cross_validation.fold_files import write_folds
from pipeline.cross_validation.report import CrossValidation, FoldReport
from pipeline.cross_validation.run import check_cross_validation, cross_validate, judge_fold
from pipeline.evaluation.measures.of_task import measures_of
from pipeline.evaluation.rules import asked_measures
from pipeline.training.options import TrainerOptions
from preprocessing.graph import levels
from preprocessing.statistics import SQUARE_SCALE, SUM_SCALE
from tests.pipeline.cross_validation.ingested import ingest
from tests.pipeline.image_sets import write_digits
from tests.preprocessing.made_images import jpeg_bytes, png_bytes

MODEL = {
    "preprocessing": {"height": 8, "width": 8, "channels": 1, "scaling": "standardize"},
    "model": {"name": "made", "small_cnn": {"filters": [4]}, "dropout": 0.0},
    "training": {"epochs": 2, "batch_size": 16, "learning_rate": 0.01},
}


def configured(base, **data):
    return DarkroomConfig.model_validate({**MODEL, "data": data}).located_at(base)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Two classes of digits, and of three photographs three files each; the test split's files are gone."""
    root = tmp_path_factory.mktemp("digits")
    write_digits(root / "images", digits=(0, 1), of_each=24)
    picture = load_sample_images().images[0]
    for number, left in enumerate((0, 200, 400)):
        for quality in (95, 80, 60):
            content = jpeg_bytes(picture[:200, left : left + 200], quality=quality)
            (root / "images" / "1" / f"alike-{number}-{quality}.jpg").write_bytes(content)
    config = configured(root, images="images")
    uri = ingest(config, root / "out")
    shutil.rmtree(root / "out" / "examples" / "Split-test")
    return root, config, uri


def examples_of(split):
    return [tf.train.Example.FromString(record).features.feature for record in split.records().as_numpy_iterator()]


def names_of(split):
    return [example[features.FILENAME].bytes_list.value[0].decode() for example in examples_of(split)]


@pytest.fixture(scope="module")
def dealt(digits, tmp_path_factory):
    _, config, uri = digits
    return write_folds(uri, tmp_path_factory.mktemp("folds"), 3, 4, config.preprocessing)


def test_every_image_that_is_not_held_out_is_in_one_fold(dealt):
    names = [name for split in dealt.files for name in names_of(split)]
    expected = sum(dealt.facts.split_size(split) for split in ("train", "eval"))
    assert len(names) == len(set(names)) == expected
    assert [split.size for split in dealt.files] == [len(names_of(split)) for split in dealt.files]


def test_look_alikes_share_a_fold(dealt):
    homes = {}
    for number, split in enumerate(dealt.files):
        for name in names_of(split):
            if "alike" in name:
                homes.setdefault(name.split("-")[1], []).append(number)
    assert homes
    assert all(len(found) == 3 and len(set(found)) == 1 for found in homes.values())


def test_folds_do_not_depend_on_where_they_are_written(digits, dealt, tmp_path):
    _, config, uri = digits
    again = write_folds(uri, tmp_path, 3, 4, config.preprocessing)
    for one, other in zip(dealt.files, again.files, strict=True):
        assert names_of(one) == names_of(other)


def test_statistics_are_those_of_the_chosen_folds_alone(digits, dealt):
    _, config, _ = digits
    spec = config.preprocessing
    pixels = np.stack(
        [
            levels(tf.constant(example[features.ENCODED].bytes_list.value[0]), spec).numpy()
            for number in (0, 2)
            for example in examples_of(dealt.files[number])
        ]
    ).astype(np.float64)
    found = dealt.statistics_of((0, 2), spec)
    assert found.image_count == len(pixels)
    assert found.mean == pytest.approx([pixels.mean()], abs=1 / SUM_SCALE)
    assert found.std == pytest.approx([pixels.std()], abs=1 / SQUARE_SCALE)
    assert found != dealt.statistics_of((0, 1, 2), spec)


def test_facts_are_those_of_the_rotation(dealt):
    found = dealt.facts_of((1, 2), 0, 0)
    labels = [name.split("/")[0] for number in (1, 2) for name in names_of(dealt.files[number])]
    assert found.counts["train"] == {label: labels.count(label) for label in "01"}
    assert found.split_size("eval") == dealt.files[0].size


def judged(config, dealt):
    """The first fold's report."""
    options = TrainerOptions.from_configuration(config, "0")
    task = dealt.facts.task
    asked = asked_measures(task, config.evaluation)
    measures = measures_of(task, len(dealt.facts.labels), config.training.metric_options, asked)
    return judge_fold(measures, options, dealt, 0)


def test_a_fold_is_judged_by_a_model_of_the_others(digits, dealt):
    found = judged(digits[1], dealt)
    assert (found.test, found.eval, found.train) == tuple(split.size for split in dealt.files)
    assert found.epochs == 2
    assert 0 <= found.metrics["accuracy"] <= 1
    assert found.metrics["log_loss"] > 0


def test_a_regression_is_measured_in_its_own_unit(tmp_path):
    random = np.random.default_rng(0)
    rows = ["image,target"]
    for number in range(60):
        level = int(random.integers(20, 200))
        levels_ = random.integers(level, level + 50, (8, 8)).astype(np.uint8)
        (tmp_path / f"{number}.png").write_bytes(png_bytes(levels_))
        rows.append(f"{number}.png,{5000 + 100 * level}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    config = configured(tmp_path, task="regression", listing={"path": "list.csv"})
    uri = ingest(config, tmp_path / "out")
    found = judged(config, write_folds(uri, tmp_path, 3, None, config.preprocessing))
    assert {"rmse", "mae", "r2"} <= found.metrics.keys()
    # Targets are from 7,000 to 25,000: standardized ones would be off by less than one.
    assert 100 < found.metrics["mae"] < 10_000


def test_means_and_deviations_are_those_of_a_sample():
    def fold(number, **metrics):
        return FoldReport(fold=number, train=6, eval=3, test=3, epochs=1, seconds=0.0, metrics=metrics)

    folds = (fold(1, accuracy=0.9, roc_auc=None), fold(2, accuracy=0.8, roc_auc=0.5), fold(3, accuracy=0.7, roc_auc=1))
    report = CrossValidation(task="binary", labels=("a", "b"), spans=(), images=9, held_out=1, folds=folds)
    assert report.means == {"accuracy": pytest.approx(0.8), "roc_auc": None}
    assert report.deviations == {"accuracy": pytest.approx(0.1), "roc_auc": None}


def test_a_measure_that_is_none_ends_it_before_anything_trains(digits, tmp_path):
    _, config, uri = digits
    with pytest.raises(ConfigurationError, match="rmse is no measure of the task multiclass"):
        cross_validate(config, uri, folds=3, scratch=tmp_path, asked=["rmse"], on_fold=pytest.fail)


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"recipe": {"name": "warm_start"}}, "a model that has trained on the images of every fold"),
        ({"distribution": {"strategy": "multi_worker"}}, "trains in this process"),
    ],
)
def test_what_would_not_cross_validate_is_refused(training, message):
    config = DarkroomConfig.model_validate({"training": training})
    with pytest.raises(ConfigurationError, match=message):
        check_cross_validation(config)
