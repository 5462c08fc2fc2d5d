"""Geometry against OpenCV, which shares no code with TensorFlow, and against padding first and resizing then."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocessing.geometry import fit_to_spec, padded_side
from preprocessing.spec import PreprocessingSpec
from tests.preprocessing.made_images import photo

# OpenCV computes area and cubic weights in float32 like TensorFlow, but adds them in another order.
FLOAT_ROUNDING = 0.02


def fitted(image, **options):
    return fit_to_spec(tf.constant(image), PreprocessingSpec(scaling="none", **options)).numpy()


def padded_first(image, height, width, pad_value):
    """What the spec promises, done plainly: pad to the model's aspect ratio, then resize."""
    h, w = image.shape[:2]
    if w * height >= h * width:
        target = (max(padded_side(w, width, height), h), w)
    else:
        target = (h, max(padded_side(h, height, width), w))
    top, left = (target[0] - h) // 2, (target[1] - w) // 2
    padded = np.full((*target, 3), pad_value, np.float32)
    padded[top : top + h, left : left + w] = image
    return resized(padded, height, width)


def resized(image, height, width):
    """OpenCV, one side at a time, area when it shrinks and cubic when it grows."""
    for size in ((width, image.shape[0]), (width, height)):
        grows = size[0] > image.shape[1] or size[1] > image.shape[0]
        if size != (image.shape[1], image.shape[0]):
            image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC if grows else cv2.INTER_AREA)
    return np.clip(image.reshape(height, width, 3), 0, 255)


SIZES = [(64, 64), (100, 37), (37, 100), (33, 47), (7, 5), (1, 1), (1, 50), (50, 1), (3, 200), (480, 640)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_padding_equals_padding_first_where_it_shrinks(height, width):
    image = photo(height, width)
    # Where a side grows, OpenCV's cubic has another coefficient (-0.75 for TensorFlow's -0.5): see the test below.
    side = min(max(height, width), 32)
    found = fitted(image, height=side, width=side, pad_value=50)
    assert np.abs(found - padded_first(image.astype(np.float32), side, side, 50)).max() < FLOAT_ROUNDING


@pytest.mark.parametrize(("height", "width"), [(24, 48), (48, 24), (31, 50)])
def test_padding_keeps_the_models_own_aspect_ratio(height, width):
    image = photo(90, 120)
    found = fitted(image, height=height, width=width, pad_value=200)
    assert np.abs(found - padded_first(image.astype(np.float32), height, width, 200)).max() < FLOAT_ROUNDING


def test_the_aspect_ratio_survives():
    image = np.full((100, 200, 3), 255, np.uint8)
    found = fitted(image, height=32, width=32)
    assert found[8:24].min() == 255
    assert found[:8].max() == 0
    assert found[24:].max() == 0


@pytest.mark.parametrize(("height", "width"), [(64, 64), (100, 37), (33, 470)])
def test_stretching_equals_opencv(height, width):
    image = photo(height, width)
    found = fitted(image, height=16, width=24, mode="stretch")
    assert np.abs(found - resized(image.astype(np.float32), 16, 24)).max() < FLOAT_ROUNDING


def test_center_crop_cuts_the_longer_side_evenly():
    image = photo(40, 100)
    found = fitted(image, height=20, width=20, mode="center_crop")
    assert np.abs(found - resized(image[:, 30:70].astype(np.float32), 20, 20)).max() < FLOAT_ROUNDING


def test_enlarging_is_keys_cubic():
    """TensorFlow's cubic is Keys's with a = -0.5, as Pillow's, sampled at pixel centres."""
    from PIL import Image

    image = photo(9, 9)
    planes = [
        np.asarray(Image.fromarray(image[..., c].astype(np.float32)).resize((40, 40), Image.Resampling.BICUBIC))
        for c in range(3)
    ]
    found = fitted(image, height=40, width=40)
    # Pillow leaves out and renormalises the taps beyond the edge, TensorFlow repeats the edge pixel.
    inner = (slice(8, -8), slice(8, -8))
    assert np.abs(found - np.clip(np.stack(planes, -1), 0, 255))[inner].max() < FLOAT_ROUNDING


def test_a_side_that_fits_is_not_touched():
    image = photo(32, 32)
    assert np.array_equal(fitted(image, height=32, width=32), image.astype(np.float32))


def test_one_side_shrinks_while_the_other_grows():
    image = photo(10, 300)
    found = fitted(image, height=30, width=30, mode="stretch")
    narrow = cv2.resize(image.astype(np.float32), (30, 10), interpolation=cv2.INTER_AREA)
    wanted = tf.clip_by_value(tf.image.resize(narrow, (30, 30), method="bicubic"), 0, 255).numpy()
    assert np.abs(found - wanted).max() < FLOAT_ROUNDING


@pytest.mark.parametrize("method", ["bilinear", "lanczos3", "nearest"])
def test_other_methods_keep_a_flat_image_flat(method):
    image = np.full((50, 70, 3), 77, np.uint8)
    found = fitted(image, height=16, width=16, mode="stretch", shrink=method, enlarge=method)
    assert np.abs(found - 77).max() < FLOAT_ROUNDING


def test_cubic_overshoot_is_clipped():
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, 4:] = 255
    found = fitted(image, height=64, width=64)
    assert found.min() == 0
    assert found.max() == 255


def test_uint8_and_float_pixels_give_the_same():
    image = photo(90, 61)
    assert np.array_equal(fitted(image, height=24, width=24), fitted(image.astype(np.float32), height=24, width=24))


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 400),
    width=st.integers(1, 400),
    side=st.integers(1, 64),
    mode=st.sampled_from(["pad", "stretch", "center_crop"]),
)
def test_any_size_gives_the_models_size_within_the_levels(height, width, side, mode):
    image = np.random.default_rng(height * 401 + width).integers(0, 256, (height, width, 3), np.uint8)
    found = fitted(image, height=side, width=side + 3, mode=mode)
    assert found.shape == (side, side + 3, 3)
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 255
