import hashlib
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from darkroom.configuration.split_ratios import SplitRatios
from pipeline.features import SPLITS
from pipeline.ingestion.class_tally import ClassTally
from pipeline.ingestion.splits import assign, corrections, merge_corrections, position, split_by_position

RATIOS = SplitRatios(eval=0.1, test=0.2)


def hashes(count, salt=""):
    return [hashlib.sha256(f"{salt}{i}".encode()).hexdigest() for i in range(count)]


def tally_of(images, parts=1):
    combiner = ClassTally(RATIOS)
    accumulators = [combiner.create_accumulator() for _ in range(parts)]
    for number, image in enumerate(images):
        accumulators[number % parts] = combiner.add_input(accumulators[number % parts], image)
    return combiner.merge_accumulators(accumulators)


def splits_of(images):
    moved = corrections(tally_of(images))
    return {image: assign(image, RATIOS, moved) for image in images}


def test_the_shares_are_those_of_the_ratios():
    counts = Counter(split_by_position(position(image), RATIOS) for image in hashes(20_000))
    assert abs(counts["test"] / 20_000 - 0.2) < 0.01
    assert abs(counts["eval"] / 20_000 - 0.1) < 0.01


@given(st.integers(3, 60), st.text(max_size=5))
def test_three_images_or_more_reach_every_split(count, salt):
    assert set(splits_of(hashes(count, salt)).values()) == set(SPLITS)


@given(st.integers(1, 2), st.text(max_size=5))
def test_fewer_than_three_images_all_train(count, salt):
    assert set(splits_of(hashes(count, salt)).values()) == {"train"}


@given(st.integers(1, 40), st.text(max_size=5), st.randoms(), st.integers(1, 5))
def test_the_order_and_the_grouping_of_the_images_do_not_matter(count, salt, random, parts):
    images = hashes(count, salt)
    shuffled = images.copy()
    random.shuffle(shuffled)
    assert corrections(tally_of(shuffled, parts)) == corrections(tally_of(images))


@given(st.integers(3, 200), st.text(max_size=5))
def test_corrections_stay_few(count, salt):
    assert len(corrections(tally_of(hashes(count, salt)))) <= 2


def test_a_class_with_enough_images_needs_no_correction():
    assert corrections(tally_of(hashes(1000))) == {}


def test_images_keep_their_split_when_data_is_added():
    images = hashes(1100)
    before, after = splits_of(images[:1000]), splits_of(images)
    assert all(after[image] == split for image, split in before.items())


def test_the_same_bytes_under_two_labels_get_one_split():
    image = hashes(1)[0]
    assert merge_corrections([{image: "test"}, {image: "train"}]) == {image: "train"}
    assert merge_corrections([{image: "train"}, {image: "test"}]) == {image: "train"}
