"""Opening one file."""

import contextlib
import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_images

from pipeline.ingestion.labelled_image import LabelledImage
from pipeline.ingestion.look import SIDE, Look
from pipeline.ingestion.reading import CheckedImage, ImageReader
from preprocessing.images import ImageLimits
from tests.preprocessing.made_images import jpeg_bytes, photo, png_bytes

NOBODY = 65534


@pytest.fixture(scope="module")
def reader():
    return ImageReader(ImageLimits())


@contextlib.contextmanager
def without_privileges():
    """Root reads every file; another user does not."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def read(reader, path):
    return reader.read(LabelledImage(path=str(path), name="0/a.png", label=0, text="0"))


def test_a_good_file_becomes_an_example(reader, tmp_path):
    (tmp_path / "a.png").write_bytes(png_bytes(photo(8, 9)))
    assert isinstance(read(reader, tmp_path / "a.png"), CheckedImage)


@pytest.mark.timeout(60)
def test_a_pipe_is_refused_and_not_waited_for(reader, tmp_path):
    os.mkfifo(tmp_path / "a.png")
    found = read(reader, tmp_path / "a.png").entry
    assert (found.reason, found.detail) == ("unreadable", "cannot be read: is a pipe, a socket or a device, no file")


def test_an_example_says_how_its_image_looks(reader, tmp_path):
    pixels = np.zeros((64, 32, 3), np.uint8)
    pixels[:32] = (255, 0, 0)
    (tmp_path / "a.png").write_bytes(png_bytes(pixels))
    example = tf.train.Example.FromString(read(reader, tmp_path / "a.png").example).features.feature
    values = {
        key: example[key].float_list.value[0] for key in ("image/aspect_ratio", "image/brightness", "image/contrast")
    }
    # Red is 0.299 of white, and half of the image is black.
    half = 0.299 * 255 / 2
    assert values == pytest.approx(
        {"image/aspect_ratio": 0.5, "image/brightness": half, "image/contrast": half}, rel=1e-5
    )
    assert example["image/file_size"].int64_list.value[0] == (tmp_path / "a.png").stat().st_size


def test_a_file_without_permission_is_put_aside(reader, tmp_path_factory):
    path = tmp_path_factory.mktemp("locked") / "a.png"
    path.write_bytes(png_bytes(photo(8, 8)))
    path.chmod(0)
    with without_privileges():
        refused = read(reader, path)
    assert refused.entry.reason == "unreadable"
    assert "Permission denied" in refused.entry.detail


def test_a_refused_image_keeps_its_bytes_unless_there_are_too_many(tmp_path):
    content = png_bytes(photo(60, 60))
    (tmp_path / "a.png").write_bytes(content)
    assert read(ImageReader(ImageLimits(max_side=40)), tmp_path / "a.png").image_bytes == content
    large = read(ImageReader(ImageLimits(max_bytes=100)), tmp_path / "a.png")
    assert (large.entry.reason, large.image_bytes) == ("too_many_bytes", b"")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_large_jpeg_looks_like_its_decoded_pixels(reader, tmp_path, orientation):
    picture = load_sample_images().images[0][:400, :600]
    (tmp_path / "a.jpg").write_bytes(jpeg_bytes(picture, orientation=orientation, quality=90))
    found = read(reader, tmp_path / "a.jpg").look
    upright = ImageOps.exif_transpose(Image.open(tmp_path / "a.jpg")).convert("L").convert("F")
    wanted = Look.of(np.asarray(upright.resize((SIDE, SIDE), Image.Resampling.BOX)))
    assert found.brightness == pytest.approx(wanted.brightness, abs=1)
    assert found.contrast == pytest.approx(wanted.contrast, abs=1)
    # The wrong way round they differ by tens of levels and bits.
    assert np.abs(found.thumbnail.astype(int) - wanted.thumbnail).mean() <= 2
    assert (found.perceptual_hash ^ wanted.perceptual_hash).bit_count() <= 4


def test_a_large_cmyk_jpeg_is_not_taken_for_its_negative(reader, tmp_path):
    picture = load_sample_images().images[0][:400, :600]
    for name, mode in (("rgb.jpg", None), ("cmyk.jpg", "CMYK")):
        (tmp_path / name).write_bytes(jpeg_bytes(picture, mode=mode, quality=90))
    found = [read(reader, tmp_path / name).look.brightness for name in ("rgb.jpg", "cmyk.jpg")]
    assert found[0] == pytest.approx(found[1], abs=3)
