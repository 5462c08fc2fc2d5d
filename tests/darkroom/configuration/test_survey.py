"""Looking at a folder before anything else is known about it."""

import pytest

from darkroom.configuration.survey import survey_class_folders
from darkroom.errors import DataError
from tests.pipeline.image_sets import write_bad_files, write_digits
from tests.preprocessing.made_images import jpeg_bytes, photo


def test_classes_sizes_and_colour_are_seen(tmp_path):
    survey = survey_class_folders(write_digits(tmp_path, digits=(3, 7), of_each=5))
    assert survey.counts == {"3": 5, "7": 5}
    assert survey.median_side == 8
    assert survey.all_grey
    assert survey.warnings == ()


def test_one_colour_image_makes_the_set_colour(tmp_path):
    root = write_digits(tmp_path, digits=(3, 7), of_each=5)
    (root / "3" / "photo.jpg").write_bytes(jpeg_bytes(photo(30, 20)))
    assert not survey_class_folders(root).all_grey


def test_bad_files_and_empty_classes_are_warned_about(tmp_path):
    root = write_digits(tmp_path, digits=(3, 7), of_each=5)
    write_bad_files(root / "3")
    (root / "empty").mkdir()
    warnings = survey_class_folders(root).warnings
    assert any("'empty' has no files" in warning for warning in warnings)
    assert any("5 of 15 sampled files will be put aside" in warning for warning in warnings)


def test_files_in_nested_folders_count_and_hidden_ones_do_not(tmp_path):
    root = write_digits(tmp_path, digits=(3, 7), of_each=5)
    (root / "3" / "more").mkdir()
    (root / "3" / "more" / "a.jpg").write_bytes(jpeg_bytes(photo(8, 8)))
    (root / "3" / ".hidden.jpg").write_bytes(b"")
    (root / ".git").mkdir()
    assert survey_class_folders(root).counts == {"3": 6, "7": 5}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: None, "is not a folder"),
        (lambda root: root.mkdir(), "holds no class folders"),
        (lambda root: (root / "cats").mkdir(parents=True), "holds only one class folder, 'cats'"),
        (
            lambda root: [(root / name).mkdir(parents=True) for name in ("cats", "dogs")],
            "none of its 0 files is an image that Darkroom can read",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_told(tmp_path, make, message):
    root = tmp_path / "images"
    make(root)
    with pytest.raises(DataError, match=message):
        survey_class_folders(root)
