"""What training images go through, on levels that show it."""

import numpy as np
import pytest
import tensorflow as tf

from darkroom.configuration.augmentation_section import AugmentationSection, RandAugmentSection
from darkroom.errors import ConfigurationError
from pipeline.training.augmentation.augmenter import Augmenter
from pipeline.training.label_form import Encoding, LabelForm
from preprocessing.graph import PreprocessingGraph
from preprocessing.spec import PreprocessingSpec
from preprocessing.statistics import ChannelStatistics

SEED = tf.constant([3, 4], tf.int32)
STATISTICS = ChannelStatistics(mean=(120.0, 110.0, 100.0), std=(50.0, 51.0, 52.0), image_count=10)


def graph(scaling="none", channels=3, **options):
    spec = PreprocessingSpec(height=16, width=16, scaling=scaling, channels=channels, **options)
    return PreprocessingGraph(spec, STATISTICS)


def levels(count=8, channels=3):
    random = np.random.default_rng(0)
    return tf.constant(random.uniform(20, 230, (count, 16, 16, channels)), tf.float32)


def augment(section, images, *, preprocessing=None, labels=None, seed=SEED, one_hot=False, n_classes=4):
    labels = tf.range(images.shape[0], dtype=tf.int64) % n_classes if labels is None else labels
    augmenter = Augmenter(section, preprocessing or graph(channels=images.shape[-1]), None)
    form = LabelForm(n_classes, Encoding.ONE_HOT if one_hot else Encoding.IDS)
    run = tf.function(lambda *given: augmenter(*given, form.encode))
    return [part.numpy() for part in run(images, labels, seed)]


CHANGES = {
    "flip": {"flip": "both"},
    "rotation": {"rotation": 30},
    "zoom": {"zoom": 0.3},
    "translation": {"translation": 0.3},
    "brightness": {"brightness": 0.3},
    "contrast": {"contrast": 0.5},
    "hue": {"hue": 0.5},
    "erasing": {"erasing": 1.0},
    "rand_augment": {"rand_augment": RandAugmentSection(operations=2, magnitude=0.8)},
    "mixup": {"mixup": 0.4},
    "cutmix": {"cutmix": 1.0},
}
ALL = {key: value for options in CHANGES.values() for key, value in options.items()}


@pytest.mark.parametrize("options", CHANGES.values(), ids=CHANGES)
def test_every_change_changes_images_within_the_levels(options):
    images = levels()
    found, _ = augment(AugmentationSection(**options), images, one_hot=True)
    assert found.shape == images.shape
    assert np.isfinite(found).all()
    assert found.min() >= -1e-3
    assert found.max() <= 255 + 1e-3
    assert np.abs(found - images.numpy()).max() > 1


def test_no_change_leaves_the_pixels_of_the_preprocessing_graph():
    images = levels()
    found, _ = augment(AugmentationSection(), images, preprocessing=graph("standardize"))
    wanted = (images.numpy() - STATISTICS.mean) / STATISTICS.std
    assert np.allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("options", [*CHANGES.values(), ALL], ids=[*CHANGES, "all"])
def test_the_same_seed_gives_the_same_and_another_does_not(options):
    images = levels()
    section = AugmentationSection(**options)
    first, again = (augment(section, images, one_hot=True) for _ in range(2))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    other = augment(section, images, seed=tf.constant([3, 5], tf.int32), one_hot=True)
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("change", ["flip", "rotation", "brightness", "rand_augment"])
def test_images_of_a_batch_are_changed_differently(change):
    alike = tf.repeat(levels(1), 16, axis=0)
    found, _ = augment(AugmentationSection(**CHANGES[change]), alike)
    assert len(np.unique(found.reshape(16, -1).round(3), axis=0)) > 1


def test_grey_images_are_augmented_too():
    options = {key: value for key, value in ALL.items() if key != "hue"}
    found, _ = augment(
        AugmentationSection(**options), levels(channels=1), preprocessing=graph(channels=1), one_hot=True
    )
    assert found.shape == (8, 16, 16, 1)


def test_hue_needs_colour():
    with pytest.raises(ConfigurationError, match=r"hue turns colours, but preprocessing.channels is 1"):
        augment(AugmentationSection(hue=0.1), levels(channels=1))


@pytest.mark.parametrize("scaling", ["standardize", "symmetric", "torch"])
def test_brightness_means_the_same_under_every_scaling(scaling):
    section, images = AugmentationSection(brightness=0.2, contrast=0.2), levels()
    plain, _ = augment(section, images)
    scaled, _ = augment(section, images, preprocessing=graph(scaling))
    unchanged, _ = augment(AugmentationSection(), tf.constant(plain), preprocessing=graph(scaling))
    assert np.allclose(scaled, unchanged, atol=1e-5)


def test_what_a_shift_uncovers_has_the_colour_of_the_padding():
    images = tf.fill((4, 16, 16, 3), 200.0)
    found, _ = augment(AugmentationSection(translation=0.5), images, preprocessing=graph(pad_value=7))
    assert found.min() == pytest.approx(7)


def test_copies_stand_beside_each_other_and_differ():
    images = levels(3)
    found, labels = augment(AugmentationSection(brightness=0.5, n_augmentation=4), images)
    assert found.shape == (12, 16, 16, 3)
    assert labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    assert not np.allclose(found[0], found[1])


@pytest.mark.parametrize("method", ["mixup", "cutmix"])
def test_mixing_mixes_labels_as_it_mixes_images(method):
    """Each image is all of one level, so that its mean tells the shares."""
    shades = tf.constant([0.0, 80.0, 160.0, 240.0])
    images = tf.broadcast_to(shades[:, None, None, None], (4, 16, 16, 3))
    found, labels = augment(AugmentationSection(**{method: 1.0}), images, one_hot=True)
    assert np.allclose(labels.sum(axis=1), 1, atol=1e-5)
    # A rectangle covers whole pixels, its share is computed before rounding.
    assert np.allclose(found.mean(axis=(1, 2, 3)), labels @ shades.numpy(), atol=0.1 if method == "mixup" else 30)
    assert (labels.max(axis=1) < 1).any()


def test_with_both_mixings_each_batch_gets_one():
    images = levels()
    section = AugmentationSection(mixup=1.0, cutmix=1.0)
    apart = set()
    for number in range(12):
        found, _ = augment(section, images, one_hot=True, seed=tf.constant([0, number], tf.int32))
        # CutMix takes every pixel from one image or another; MixUp makes new values.
        apart.add(bool(np.isin(found.round(3), images.numpy().round(3)).all()))
    assert apart == {True, False}


def test_erasing_has_its_probability():
    images = tf.repeat(levels(1), 200, axis=0)
    found, _ = augment(AugmentationSection(erasing=0.25), images)
    changed = np.abs(found - images.numpy()).max(axis=(1, 2, 3)) > 0
    assert 0.1 < changed.mean() < 0.4
