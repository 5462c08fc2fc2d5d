import numpy as np
import pytest
import tensorflow as tf

from preprocessing.graph import PreprocessingGraph
from preprocessing.spec import PreprocessingSpec
from preprocessing.statistics import ChannelStatistics
from tests.preprocessing.made_images import every_variant, jpeg_bytes, photo, png_bytes

STATISTICS = ChannelStatistics(mean=(120.0, 110.0, 100.0), std=(50.0, 51.0, 0.0), image_count=10)
SMALL = {"height": 24, "width": 24}


def grey_png(level, size=24):
    return png_bytes(np.full((size, size), level, np.uint8))


@pytest.mark.parametrize(
    ("scaling", "wanted"),
    [
        ("none", [51.0, 51.0, 51.0]),
        ("normalize", [0.2, 0.2, 0.2]),
        ("symmetric", [-0.6, -0.6, -0.6]),
        ("standardize", [(51 - 120) / 50, (51 - 110) / 51, (51 - 100) / 1.0]),
    ],
)
def test_scaling(scaling, wanted):
    graph = PreprocessingGraph(PreprocessingSpec(scaling=scaling, **SMALL), STATISTICS)
    pixels = graph(tf.constant([grey_png(51)])).numpy()
    assert pixels.shape == (1, 24, 24, 3)
    assert pixels.dtype == np.float32
    assert np.allclose(pixels[0, 5, 5], wanted, atol=1e-5)


def test_one_channel_is_bt601_luma():
    image = np.zeros((24, 24, 3), np.uint8)
    image[:] = (200, 100, 50)
    graph = PreprocessingGraph(PreprocessingSpec(scaling="none", channels=1, **SMALL))
    pixels = graph(tf.constant([png_bytes(image)])).numpy()
    assert pixels.shape == (1, 24, 24, 1)
    assert pixels[0, 3, 3, 0] == pytest.approx(0.299 * 200 + 0.587 * 100 + 0.114 * 50, abs=1e-3)


@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
def test_grey_stays_exactly_itself_in_one_channel(level):
    graph = PreprocessingGraph(PreprocessingSpec(scaling="none", channels=1, **SMALL))
    assert np.unique(graph(tf.constant([grey_png(level)])).numpy()).tolist() == [level]


def test_standardizing_without_statistics_is_refused():
    with pytest.raises(ValueError, match="needs channel statistics"):
        PreprocessingGraph(PreprocessingSpec(scaling="standardize"))


def test_statistics_of_other_channels_are_refused():
    with pytest.raises(ValueError, match="3 channels, but the spec has 1"):
        PreprocessingGraph(PreprocessingSpec(channels=1), STATISTICS)


# Channels are made before the scaling and know nothing of it: each of both is here, not every pair.
@pytest.mark.parametrize(
    ("scaling", "channels"), [("none", 3), ("normalize", 1), ("symmetric", 3), ("standardize", 1), ("standardize", 3)]
)
def test_every_kind_of_image_is_the_same_in_a_batch_alone_and_in_tf_data(scaling, channels):
    """The three ways images reach the graph: a request's batch, the one-image form, and the trainer's input."""
    spec = PreprocessingSpec(scaling=scaling, channels=channels, **SMALL)
    statistics = STATISTICS if channels == 3 else ChannelStatistics(mean=(117.3,), std=(61.7,), image_count=10)
    graph = PreprocessingGraph(spec, statistics)
    variants = [data for _, data in every_variant()]
    # All of them once; after scaling, which is what this may break, every tenth shows the rest.
    images = variants if (scaling, channels) == ("standardize", 3) else variants[::10]
    batch = graph(tf.constant(images)).numpy()
    alone = np.stack([graph.preprocess_one(tf.constant(data)).numpy() for data in images])
    in_dataset = tf.data.Dataset.from_tensor_slices(images).map(graph.preprocess_one, num_parallel_calls=2).batch(7)
    assert np.array_equal(batch, alone)
    assert np.array_equal(batch, np.concatenate(list(in_dataset.as_numpy_iterator())))


def test_an_empty_batch_gives_an_empty_batch():
    graph = PreprocessingGraph(PreprocessingSpec(scaling="none", **SMALL))
    assert graph(tf.constant([], tf.string)).shape == (0, 24, 24, 3)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5000), (5000, 1), (3, 1999)])
def test_extreme_shapes(height, width):
    graph = PreprocessingGraph(PreprocessingSpec(scaling="none", **SMALL))
    pixels = graph(tf.constant([png_bytes(photo(height, width))])).numpy()
    assert np.isfinite(pixels).all()
    assert pixels.max() > 0


def test_damaged_bytes_are_an_error_of_the_caller():
    graph = PreprocessingGraph(PreprocessingSpec(scaling="none", **SMALL))
    with pytest.raises(tf.errors.InvalidArgumentError):
        graph(tf.constant([jpeg_bytes(photo(40, 40))[:200]]))
