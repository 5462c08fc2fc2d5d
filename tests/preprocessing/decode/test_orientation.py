from __future__ import annotations

import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from preprocessing.decode import jpeg, png, webp
from preprocessing.decode import orientation as graph
from preprocessing.images import ImageLimits, inspect_image
from preprocessing.images.exif import read_orientation
from tests.preprocessing.made_images import every_variant, exif_bytes

VARIANTS = {name: data for name, data in every_variant() if name.startswith(("jpeg", "png", "webp"))}


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def in_graph(exif: tf.Tensor) -> tf.Tensor:
    return graph.read_orientation(exif, tf.constant(0), tf.strings.length(exif))


@settings(max_examples=200, deadline=None)
@given(
    orientation=st.integers(0, 10),
    little=st.booleans(),
    prefix=st.booleans(),
    before=st.integers(0, 3),
    edits=st.lists(st.tuples(st.integers(0, 70), st.integers(0, 255)), max_size=3),
    keep=st.integers(0, 80),
)
@example(orientation=6, little=True, prefix=True, before=0, edits=[], keep=80)
def test_graph_and_python_agree(edits, keep, **options):
    data = bytearray(exif_bytes(**options))
    for place, value in edits:
        data[place % len(data)] = value
    data = bytes(data[:keep])
    assert in_graph(data).numpy() == read_orientation(data)


HEADERS = {
    "jpeg": tf.function(
        lambda data: jpeg.read_header(data, ImageLimits()), input_signature=[tf.TensorSpec([], tf.string)]
    ),
    "png": tf.function(png.read_header, input_signature=[tf.TensorSpec([], tf.string)]),
    "webp": tf.function(webp.read_header, input_signature=[tf.TensorSpec([], tf.string)]),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_both_find_the_same_orientation_in_a_file(name):
    data = VARIANTS[name]
    found = HEADERS[name.split("_", maxsplit=1)[0]](data)
    assert found.orientation.numpy() == inspect_image(data, ImageLimits()).orientation
