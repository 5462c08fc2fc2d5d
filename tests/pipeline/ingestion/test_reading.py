"""Opening one file."""

import contextlib
import os

import pytest

from pipeline.ingestion.labelled_image import LabelledImage
from pipeline.ingestion.reading import CheckedImage, ReadImage
from preprocessing.images import ImageLimits
from tests.preprocessing.made_images import photo, png_bytes

NOBODY = 65534


@pytest.fixture(scope="module")
def reader():
    reader = ReadImage(ImageLimits())
    reader.setup()
    return reader


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
    [element] = reader.process(LabelledImage(path=str(path), name="0/a.png", label=0, text="0"))
    return element


def test_a_good_file_becomes_an_example(reader, tmp_path):
    (tmp_path / "a.png").write_bytes(png_bytes(photo(8, 9)))
    assert isinstance(read(reader, tmp_path / "a.png"), CheckedImage)


def test_a_file_without_permission_is_put_aside(reader, tmp_path_factory):
    path = tmp_path_factory.mktemp("locked") / "a.png"
    path.write_bytes(png_bytes(photo(8, 8)))
    path.chmod(0)
    with without_privileges():
        refused = read(reader, path).value
    assert refused.reason == "unreadable"
    assert "Permission denied" in refused.detail
