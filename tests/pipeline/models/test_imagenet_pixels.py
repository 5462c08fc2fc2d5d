"""The preprocessing graph gives the pixels that keras.applications' own `preprocess_input` gives."""

import functools
import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from pipeline.models.zoo import ARCHITECTURES
from preprocessing.graph import PreprocessingGraph
from preprocessing.spec import PreprocessingSpec
from tests.preprocessing.made_images import photo, png_bytes

KERAS = [name for name, known in ARCHITECTURES.items() if known.family.keras]
IMAGES = tf.constant([png_bytes(photo(20, 20, seed=seed)) for seed in range(3)])


@functools.cache
def graph(scaling):
    return PreprocessingGraph(PreprocessingSpec(height=20, width=20, scaling=scaling))


@functools.cache
def pixels(scaling):
    return graph(scaling)(IMAGES).numpy()


@pytest.mark.parametrize("name", KERAS)
def test_every_architecture_gets_what_its_weights_were_trained_on(name):
    module = importlib.import_module(getattr(keras.applications, name).__module__)
    wanted = module.preprocess_input(pixels("none").copy())
    found = pixels(ARCHITECTURES[name].family.scaling)
    assert np.allclose(found, wanted, atol=1e-3 if np.abs(wanted).max() > 10 else 1e-5)


@pytest.mark.parametrize("scaling", ["caffe", "torch"])
def test_the_pixels_are_the_same_bit_for_bit_in_a_batch_alone_and_in_tf_data(scaling):
    made = graph(scaling)
    batch = made(IMAGES).numpy()
    alone = np.stack([made.preprocess_one(image).numpy() for image in IMAGES])
    in_dataset = tf.data.Dataset.from_tensor_slices(IMAGES).map(made.preprocess_one, num_parallel_calls=2).batch(3)
    assert np.array_equal(batch, alone)
    assert np.array_equal(batch, next(iter(in_dataset)).numpy())


@pytest.mark.parametrize("scaling", ["caffe", "torch"])
def test_imagenets_pixels_are_coloured(scaling):
    with pytest.raises(ValidationError, match=f"scaling {scaling} is defined for RGB, but channels is 1; set it to 3"):
        PreprocessingSpec(channels=1, scaling=scaling)
