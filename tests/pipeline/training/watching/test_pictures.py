"""Pictures of a training are there, and show what they should."""

import numpy as np
import pytest
from PIL import Image

from pipeline.training.watching.confusion_picture import confusion_figure
from pipeline.training.watching.curves import curve_figure, write_curves
from pipeline.training.watching.pictures import pixels
from pipeline.training.watching.samples_picture import samples_figure

CURVES = {
    "loss": [2.0, 1.0, 0.5],
    "accuracy": [0.3, 0.6, 0.8],
    "val_loss": [2.1, 1.2, 0.9],
    "val_accuracy": [0.2, 0.5, 0.7],
    "learning_rate": [0.01, 0.005, 0.001],
    "phase": ["head", "head", "all"],
}


def test_a_file_for_each_curve(tmp_path):
    names = write_curves(CURVES, str(tmp_path / "curves"), best_epoch=3)
    assert set(names) == {"loss.png", "accuracy.png", "learning_rate.png"}
    for name in names:
        with Image.open(tmp_path / "curves" / name) as picture:
            assert picture.size == (800, 450)


def test_both_splits_and_the_phases_are_in_a_curve():
    [axes] = curve_figure(CURVES, "accuracy", best_epoch=3).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training", "eval", "best epoch"]
    assert [text.get_text() for text in axes.texts] == ["head", "all"]
    drawn = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert drawn["training"] == CURVES["accuracy"]
    assert drawn["eval"] == CURVES["val_accuracy"]


def test_a_matrix_has_its_counts_and_names():
    figure = confusion_figure(np.array([[5, 1], [0, 7]]), ["cat", "dog"])
    [axes] = figure.axes
    assert [text.get_text() for text in axes.texts] == ["5", "1", "0", "7"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["cat", "dog"]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_samples_name_what_was_said_and_what_is(channels):
    images = np.random.default_rng(0).normal(size=(2, 8, 8, channels)).astype(np.float32)
    figure = samples_figure(images, np.array([0, 0]), np.array([[0.9, 0.1], [0.2, 0.8]]), ["cat", "dog"])
    assert [axes.get_title() for axes in figure.axes] == ["cat 0.90", "dog 0.80\nis cat"]
    drawn = pixels(figure)
    assert drawn.dtype == np.uint8
    assert drawn.shape == (240, 880, 3)
