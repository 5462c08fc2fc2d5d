"""Pixels of this op revision. When they move, `OP_REVISION` must move with them: models in production carry it."""

import hashlib

import numpy as np
import pytest
import tensorflow as tf

from preprocessing.graph import PreprocessingGraph
from preprocessing.spec import PreprocessingSpec
from preprocessing.version import OP_REVISION
from tests.preprocessing.made_images import png_bytes

# SHA-256, first 16 digits, of the levels rounded to integers: the last bits of float arithmetic may differ between
# processors, the rounded levels do not.
GOLDEN = {
    1: {"pad": "990196224e1d923f", "stretch": "4340fc4235869a94", "center_crop": "bf85498760f4db61"},
}


def checker(height, width):
    """A picture that needs no random numbers: diagonal stripes in three phases."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([(x * 3 + y * 5 + 40 * c) % 256 for c in range(3)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("mode", ["pad", "stretch", "center_crop"])
def test_pixels_of_this_revision(mode):
    graph = PreprocessingGraph(PreprocessingSpec(height=16, width=16, scaling="none", mode=mode))
    pixels = graph(tf.constant([png_bytes(checker(90, 61))])).numpy()[0]
    rounded = np.rint(pixels).astype(np.uint8)
    assert hashlib.sha256(rounded.tobytes()).hexdigest()[:16] == GOLDEN[OP_REVISION][mode]
