"""NumPy arrays, from memory and from files."""

import io

import numpy as np
import pytest
from PIL import Image

from darkroom.configuration.arrays_section import ArrayPair
from darkroom.errors import DataError
from darkroom.task import Task
from pipeline.ingestion.sources.arrays import Arrays, write_arrays

GREY = np.random.default_rng(0).integers(0, 256, (4, 6, 5), np.uint8)
LABELS = np.array([1, 0, 1, 0])


def all_of(source):
    return [image for part in source.parts() for image in source.images(part, source.class_names())]


def pixels(image):
    return np.asarray(Image.open(io.BytesIO(image.data)))


def test_arrays_in_memory_become_a_source(tmp_path):
    pair = write_arrays(tmp_path / "new", GREY, LABELS, split="test")
    found = all_of(Arrays((pair,)))
    assert [(image.name, image.label, image.text, image.split) for image in found] == [
        (f"data.npz:images[{index}]", label, str(label), "test") for index, label in enumerate(LABELS)
    ]
    assert all((pixels(image) == picture).all() for image, picture in zip(found, GREY, strict=True))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_level_of_every_channel_is_kept(tmp_path, channels):
    images = np.random.default_rng(1).integers(0, 256, (2, 7, 9, channels), np.uint8)
    np.save(tmp_path / "x.npy", images)
    np.save(tmp_path / "y.npy", np.array(["cat", "dog"]))
    source = Arrays((ArrayPair(images=f"{tmp_path}/x.npy", labels=f"{tmp_path}/y.npy"),))
    assert source.class_names() == ["cat", "dog"]
    for image, picture in zip(all_of(source), images, strict=True):
        assert (pixels(image) == picture.squeeze()).all()


def test_integers_are_places_in_the_classes(tmp_path):
    source = Arrays((write_arrays(tmp_path, GREY, np.array([0, 1, 2, 0])),), ("dog", "cat"))
    found = all_of(source)
    assert [image.text for image in (found[0], found[1], found[3])] == ["dog", "cat", "dog"]
    assert (found[2].file, found[2].reason) == ("data.npz:images[2]", "unknown_label")


def test_targets_that_are_not_finite_are_put_aside(tmp_path):
    pair = write_arrays(tmp_path, GREY, np.array([0.5, np.nan, np.inf, 2]))
    found = all_of(Arrays((pair,), task=Task.REGRESSION))
    assert [getattr(image, "target", None) for image in found] == [0.5, None, None, 2.0]


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (GREY.astype(np.float32) / 255, LABELS, "is of float32, but images are uint8"),
        (GREY[0], LABELS, r"has shape \[6, 5\]"),
        (np.zeros((4, 6, 5, 2), np.uint8), LABELS, r"has shape \[4, 6, 5, 2\]"),
        (GREY, LABELS[:3], r"4 images, but labels of shape \[3\]"),
    ],
)
def test_arrays_that_are_no_images_are_refused(tmp_path, images, labels, message):
    with pytest.raises(DataError, match=message):
        write_arrays(tmp_path, images, labels)
    np.savez(tmp_path / "a.npz", x=images, y=labels)
    with pytest.raises(DataError, match=message):
        Arrays((ArrayPair(images=f"{tmp_path}/a.npz:x", labels=f"{tmp_path}/a.npz:y"),)).class_names()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ("none.npy", r"cannot be read \(No such file"),
        ("a.npz:z", r"has no array 'z'; it has 'x', 'y'"),
        ("text.npy", "holds no array"),
        ("objects.npy", "holds no array"),
    ],
)
def test_files_that_hold_no_array_are_refused(tmp_path, images, message):
    np.savez(tmp_path / "a.npz", x=GREY, y=LABELS)
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("text")
    with pytest.raises(DataError, match=message):
        Arrays((ArrayPair(images=f"{tmp_path}/{images}", labels=f"{tmp_path}/a.npz:y"),)).class_names()


def test_the_fingerprint_follows_the_files(tmp_path):
    first = Arrays((write_arrays(tmp_path, GREY, LABELS),)).fingerprint()
    assert Arrays((write_arrays(tmp_path, GREY[:3], LABELS[:3]),)).fingerprint() != first
