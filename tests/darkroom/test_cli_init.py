"""`darkroom init`: a folder of images to a configuration that runs."""

import shutil

from darkroom.configuration import load_configuration
from tests.darkroom.command import darkroom
from tests.pipeline.image_sets import write_digits


def test_the_file_fits_the_images(tmp_path):
    images = write_digits(tmp_path / "my digits", digits=(3, 7), of_each=5)
    answer = darkroom("init", images, "-o", tmp_path / "project")
    assert answer.returncode == 0, answer.stderr
    assert "10 files in 2 classes: 3, 7" in answer.stderr
    config = load_configuration(tmp_path / "project" / "darkroom.yaml")
    assert config.data.classes == ("3", "7")
    assert config.preprocessing.pixel_shape == (16, 16, 1)
    assert config.model.name == "my-digits"
    assert 0.5 < config.evaluation.min_accuracy < 1


def test_the_images_are_found_after_both_folders_moved(tmp_path):
    images = write_digits(tmp_path / "here" / "images", digits=(3, 7), of_each=2)
    darkroom("init", images, "-o", tmp_path / "here" / "project")
    shutil.move(tmp_path / "here", tmp_path / "there")
    config = load_configuration(tmp_path / "there" / "project" / "darkroom.yaml")
    assert (tmp_path / "there" / "images").samefile(config.images_path)


def test_class_names_survive_yaml(tmp_path):
    names = ("no", "3.10", "a: b", 'quote"d', "ünï", "null")
    for name in names:
        write_digits(tmp_path / "images" / name, digits=(1,), of_each=1)
    assert darkroom("init", tmp_path / "images", "-o", tmp_path).returncode == 0
    assert load_configuration(tmp_path / "darkroom.yaml").data.classes == tuple(sorted(names))


def test_a_file_that_exists_is_kept(tmp_path):
    images = write_digits(tmp_path / "images", digits=(3, 7), of_each=2)
    (tmp_path / "darkroom.yaml").write_text("# mine")
    answer = darkroom("init", images, "-o", tmp_path)
    assert answer.returncode == 2
    assert "--force" in answer.stderr
    assert (tmp_path / "darkroom.yaml").read_text() == "# mine"
    assert darkroom("init", images, "-o", tmp_path, "--force").returncode == 0
    assert (tmp_path / "darkroom.yaml").read_text() != "# mine"


def test_a_folder_without_classes_is_bad_data(tmp_path):
    answer = darkroom("init", tmp_path)
    assert answer.returncode == 2
    assert "holds no class folders" in answer.stderr
