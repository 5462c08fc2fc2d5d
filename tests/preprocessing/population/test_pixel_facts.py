"""Brightness and channel means, held against the pixels themselves."""

import io

import numpy as np
import pytest
from PIL import Image

from preprocessing.images import ImageLimits, inspect_image
from preprocessing.population import pixel_facts
from preprocessing.population.pixel_facts import measure_pixels


def encoded(pixels, kind, **options):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, kind, **options)
    return data.getvalue()


def measured(data):
    return measure_pixels(data, inspect_image(data, ImageLimits()))


def photo(height=90, width=120):
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 2, columns * 2, np.full_like(rows, 40)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "GIF"])
def test_the_means_are_those_of_the_pixels(kind):
    data = encoded(photo(), kind, **({"lossless": True} if kind == "WEBP" else {}))
    found = measured(data)

    wanted = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).reshape(-1, 3).mean(axis=0)
    assert (found.red, found.green, found.blue) == pytest.approx(tuple(wanted), abs=2)
    assert found.brightness == pytest.approx(wanted @ [0.299, 0.587, 0.114], abs=2)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (1600, 7)])
def test_a_jpeg_of_any_shape_is_measured_small(size):
    data = encoded(np.full((*size, 3), (200, 100, 50), np.uint8), "JPEG", quality=95)
    found = measured(data)

    assert (found.red, found.green, found.blue) == pytest.approx((200, 100, 50), abs=3)


@pytest.mark.parametrize(
    ("pixels", "kind", "level"),
    [
        (np.full((5, 5), 77, np.uint8), "JPEG", 77),
        (np.full((5, 5), 77, np.uint8), "PNG", 77),
        (np.full((5, 5), 77 * 257, np.uint16), "PNG", 77),
    ],
)
def test_grey_is_the_same_in_every_channel(pixels, kind, level):
    found = measured(encoded(pixels, kind))

    assert (found.red, found.green, found.blue) == pytest.approx((level,) * 3, abs=1)


def test_cmyk_is_measured_as_rgb():
    data = io.BytesIO()
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(data, "JPEG")
    found = measured(data.getvalue())

    assert (found.red > 200, found.green < 50) == (True, True)


def test_what_is_too_large_to_decode_whole_is_not_measured(monkeypatch):
    monkeypatch.setattr(pixel_facts, "MAX_PIXELS", 100)

    assert measured(encoded(photo(), "PNG")) is None
    assert measured(encoded(photo(), "JPEG")) is not None


def test_a_damaged_image_is_not_measured():
    data = encoded(photo(), "PNG")
    assert measure_pixels(data[:-40], inspect_image(data, ImageLimits())) is None
