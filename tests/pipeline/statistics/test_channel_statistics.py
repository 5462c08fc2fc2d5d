"""Transform's analysis on Beam against NumPy over the same pixels."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils

from pipeline import features
from pipeline.statistics.channel_statistics import SPEC_KEY, preprocessing_fn, read_channel_statistics
from preprocessing.graph import levels
from preprocessing.spec import PreprocessingSpec
from tests.preprocessing.made_images import jpeg_bytes, photo, png_bytes

RAW = {
    features.ENCODED: tf.io.FixedLenFeature([1], tf.string),
    features.LABEL: tf.io.FixedLenFeature([1], tf.int64),
}


def analyze(images, spec, folder):
    """Runs the entry point as TFX Transform does; returns its output."""
    data = [{features.ENCODED: [image], features.LABEL: [number]} for number, image in enumerate(images)]
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(RAW))
    entry = functools.partial(preprocessing_fn, custom_config={SPEC_KEY: spec.model_dump_json()})
    with tft_beam.Context(temp_dir=str(folder / "temp")):
        transform_fn = (data, metadata) | tft_beam.AnalyzeDataset(entry)
        _ = transform_fn | tft_beam.WriteTransformFn(str(folder / "transform"))
    metadata_io.write_metadata(metadata, str(folder / "transform" / tft.TFTransformOutput.RAW_METADATA_DIR))
    return tft.TFTransformOutput(str(folder / "transform"))


def an_example(image):
    feature = {
        features.ENCODED: tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
        features.LABEL: tf.train.Feature(int64_list=tf.train.Int64List(value=[0])),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


@pytest.mark.parametrize("channels", [1, 3])
def test_statistics_equal_numpys(channels, tmp_path):
    spec = PreprocessingSpec(height=20, width=24, channels=channels)
    images = [png_bytes(photo(30 + 3 * seed, 40, seed=seed)) for seed in range(5)] + [jpeg_bytes(photo(90, 50))]
    found = read_channel_statistics(analyze(images, spec, tmp_path), spec, an_example(images[0]))
    pixels = np.stack([levels(tf.constant(image), spec).numpy() for image in images]).astype(np.float64)
    assert found.image_count == len(images)
    assert np.allclose(found.mean, pixels.mean(axis=(0, 1, 2)), atol=1e-3)
    assert np.allclose(found.std, pixels.std(axis=(0, 1, 2)), atol=1e-3)


def test_the_order_of_the_images_does_not_change_a_bit(tmp_path):
    spec = PreprocessingSpec(height=20, width=24)
    images = [png_bytes(photo(30, 40, seed=seed)) for seed in range(6)]
    first = read_channel_statistics(analyze(images, spec, tmp_path / "a"), spec, an_example(images[0]))
    second = read_channel_statistics(analyze(images[::-1], spec, tmp_path / "b"), spec, an_example(images[3]))
    assert first == second


def test_a_spec_without_standardization_has_no_statistics(tmp_path):
    spec = PreprocessingSpec(height=20, width=24, scaling="normalize")
    image = png_bytes(photo(30, 40))
    assert read_channel_statistics(analyze([image], spec, tmp_path), spec, an_example(image)) is None
