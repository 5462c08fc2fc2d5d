import numpy as np
import pytest
import tensorflow as tf

from darkroom.configuration.training_section import TrainingSection
from pipeline import features
from pipeline.training.augmentation.augmenter import Augmenter
from pipeline.training.dataset import evaluation_batches, steps_per_epoch, training_batches
from pipeline.training.feeding.feeding import feeding
from pipeline.training.label_form import Encoding, LabelForm
from preprocessing.graph import PreprocessingGraph
from preprocessing.spec import PreprocessingSpec
from preprocessing.statistics import ChannelStatistics
from tests.pipeline.training.records import write_split

GRAPH = PreprocessingGraph(
    PreprocessingSpec(height=6, width=6, channels=1), ChannelStatistics(mean=(90.0,), std=(70.0,), image_count=9)
)
COUNT = 11


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return write_split(tmp_path_factory.mktemp("train"), COUNT)


def batches(split, *, epochs=3, form=LabelForm(3), first_epoch=0, first_step=0, **options):  # noqa: B008 - frozen
    section = TrainingSection.model_validate({"batch_size": 4} | options)
    augmenter = Augmenter(section.augmentation, GRAPH, None)
    with feeding(split, split, GRAPH, section) as feed:
        dataset = training_batches(
            feed, section, augmenter, form, epochs=epochs, first_epoch=first_epoch, first_step=first_step
        )
        return [[part.numpy() for part in batch] for batch in dataset]


def same(one, other):
    return len(one) == len(other) and all(
        all(np.array_equal(a, b) for a, b in zip(x, y, strict=True)) for x, y in zip(one, other, strict=True)
    )


MODES = pytest.mark.parametrize("mode", ["disk", "memory"])
AUGMENTED = {"augmentation": {"rotation": 20, "brightness": 0.3, "erasing": 0.5}}


def by_content(parts):
    return sorted(pixels.tobytes() for batch in parts for pixels in batch[0])


@MODES
def test_an_epoch_has_every_image_once_as_the_server_preprocesses_it(split, mode):
    found = batches(split, epochs=1, feeding={"mode": mode})
    parse = {features.ENCODED: tf.io.FixedLenFeature([], tf.string)}
    images = [tf.io.parse_single_example(record, parse)[features.ENCODED] for record in split.records()]
    assert [len(batch[1]) for batch in found] == [4, 4, 3]
    assert by_content(found) == by_content([[GRAPH(tf.stack(images)).numpy()]])


@MODES
def test_epochs_differ_in_order_and_repeat_with_the_seed(split, mode):
    found = batches(split, feeding={"mode": mode})
    assert same(found, batches(split, feeding={"mode": mode}))
    assert not same(found[:3], found[3:6])
    assert by_content(found[:3]) == by_content(found[3:6])
    assert not same(found, batches(split, feeding={"mode": mode}, seed=1))


@MODES
@pytest.mark.parametrize(("epoch", "step"), [(1, 2), (2, 0)])
def test_beginning_anywhere_gives_what_would_have_come_there(split, mode, epoch, step):
    options = {"feeding": {"mode": mode}} | AUGMENTED
    whole = batches(split, **options)
    assert same(whole[epoch * 3 + step :], batches(split, first_epoch=epoch, first_step=step, **options))


def test_images_are_decoded_once_and_augmented_anew_in_each_epoch(split):
    found = batches(split, feeding={"mode": "memory"}, **AUGMENTED)
    assert not set(by_content(found[:3])) & set(by_content(found[3:6]))


def test_copies_keep_the_batch_size_and_lengthen_the_epoch(split):
    options = {"augmentation": {"n_augmentation": 2, "brightness": 0.5}}
    found = batches(split, epochs=1, **options)
    assert [len(batch[1]) for batch in found] == [4, 4, 4, 4, 4, 2]
    assert len(found) == steps_per_epoch(COUNT, TrainingSection.model_validate({"batch_size": 4} | options))


def test_class_weights_come_as_sample_weights(split):
    for encoding in (Encoding.IDS, Encoding.ONE_HOT):
        form = LabelForm(3, encoding, weights=(1.0, 2.0, 5.0))
        for _, labels, weights in batches(split, epochs=1, form=form):
            ids = labels.argmax(axis=1) if encoding is Encoding.ONE_HOT else labels
            assert np.allclose(weights, np.array([1.0, 2.0, 5.0])[ids])


@MODES
def test_evaluation_is_in_order_and_without_augmentation(split, mode):
    section = TrainingSection.model_validate({"batch_size": 4, "feeding": {"mode": mode}} | AUGMENTED)
    with feeding(split, split, GRAPH, section) as feed:
        found = list(evaluation_batches(feed, section, LabelForm(3)).as_numpy_iterator())
    assert np.concatenate([labels for _, labels in found]).tolist() == [number % 3 for number in range(COUNT)]
    assert by_content(found) == by_content(batches(split, epochs=1))
