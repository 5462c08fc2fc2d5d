"""Hybrid feeding: what comes when, out of which segment."""

import contextlib
from pathlib import Path

import pytest
import tensorflow as tf

from darkroom.configuration.training_section import TrainingSection
from pipeline.distribution.shares import Place, Shares
from pipeline.training.feeding.decoding import decode_all
from pipeline.training.feeding.feeding import feeding
from pipeline.training.feeding.from_segments import parts_from_segments
from pipeline.training.feeding.segments import segment_files
from preprocessing.graph import PreprocessingGraph
from preprocessing.spec import PreprocessingSpec
from tests.pipeline.training.records import write_split

GRAPH = PreprocessingGraph(PreprocessingSpec(height=6, width=6, channels=1, scaling="none"))
COUNT, SEGMENTS, PASSES, BATCH = 23, 3, 2, 5
SHARES = Shares(COUNT, BATCH)


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return write_split(tmp_path_factory.mktemp("train"), COUNT)


@pytest.fixture(scope="module")
def number_of(split):
    """From an example's pixels to its number."""
    levels, _ = decode_all(split.records(), COUNT, GRAPH)
    return {pixels.tobytes(): number for number, pixels in enumerate(levels.numpy())}


@pytest.fixture(scope="module")
def segments(split, tmp_path_factory):
    with segment_files(split, SEGMENTS, tmp_path_factory.mktemp("scratch")) as found:
        yield found


@pytest.fixture(scope="module")
def parts(segments, number_of):
    """The numbers of the examples in each part, from a position on."""

    def read(first_epoch, first_step, epochs, *, shares=SHARES, seed=7):
        dataset = parts_from_segments(
            segments,
            GRAPH,
            shares,
            passes=PASSES,
            seed=seed,
            first_epoch=first_epoch,
            first_step=first_step,
            epochs=epochs,
        )
        found = []
        for levels, labels in dataset.as_numpy_iterator():
            found.append([number_of[pixels.tobytes()] for pixels in levels])
            assert labels.tolist() == [number % 3 for number in found[-1]]
        return found

    return read


@pytest.fixture(scope="module")
def whole(parts):
    return parts(0, 0, 2 * PASSES)


@pytest.fixture(scope="module")
def members(segments, number_of):
    """The numbers of each segment's examples."""
    found = []
    for path, size in zip(segments.paths, segments.sizes, strict=True):
        levels, _ = decode_all(tf.data.TFRecordDataset(path), size, GRAPH)
        found.append({number_of[pixels.tobytes()] for pixels in levels.numpy()})
    return found


def test_segments_are_stratified_and_share_nothing(members):
    assert sorted(number for segment in members for number in segment) == list(range(COUNT))
    assert {len(segment) for segment in members} == {7, 8}
    for label in range(3):
        counts = [sum(number % 3 == label for number in segment) for segment in members]
        assert max(counts) - min(counts) <= 1


def test_steps_are_as_large_as_without_segments(whole):
    assert [len(part) for part in whole] == [5, 5, 5, 5, 3] * 2 * PASSES


def test_a_round_passes_over_each_segment_as_often_as_configured_and_one_after_the_other(whole, members):
    examples = [number for part in whole for number in part]
    for number in range(2):
        rest = examples[number * PASSES * COUNT : (number + 1) * PASSES * COUNT]
        visited = []
        while rest:
            [segment] = [index for index, one in enumerate(members) if rest[0] in one]
            visited.append(segment)
            for _ in range(PASSES):
                taken, rest = rest[: len(members[segment])], rest[len(members[segment]) :]
                assert set(taken) == members[segment]
        assert sorted(visited) == list(range(SEGMENTS))


def test_passes_have_orders_of_their_own(whole, members):
    examples = [number for part in whole for number in part]
    size = next(len(one) for one in members if examples[0] in one)
    assert examples[:size] != examples[size : 2 * size]


def test_another_seed_gives_another_order(parts, whole):
    assert parts(0, 0, 1, seed=8) != whole[:5]


@pytest.mark.parametrize(("epoch", "step"), [(0, 0), (1, 3)])
def test_beginning_within_a_segment_gives_what_would_have_come_there(parts, whole, epoch, step):
    assert parts(epoch, step, 2 * PASSES) == whole[epoch * 5 + step :]


def test_replicas_share_each_step_out(parts, whole):
    workers = [parts(0, 2, 1, shares=Shares(COUNT, BATCH, Place(2, 2, worker))) for worker in range(2)]
    assert [one + other for one, other in zip(*workers, strict=True)] == whole[2:5]
    devices = parts(0, 2, 1, shares=Shares(COUNT, BATCH, Place(2)))
    assert [one + other for one, other in zip(devices[::2], devices[1::2], strict=True)] == whole[2:5]


def test_segments_before_the_position_are_not_decoded(segments, whole, parts, members):
    """The file that comes first is gone, and nobody misses it."""
    [first] = [Path(segments.paths[index]) for index, one in enumerate(members) if whole[0][0] in one]
    hidden = first.rename(first.with_suffix(".hidden"))
    try:
        with pytest.raises(tf.errors.NotFoundError):
            parts(0, 0, 1)
        assert parts(1, 0, PASSES) == whole[5 : 5 * PASSES]
    finally:
        hidden.rename(first)


def test_the_folder_is_gone_when_training_ends_and_when_it_fails(split, tmp_path):
    # Both splits would take 6,624 bytes.
    options = {"mode": "hybrid", "memory_megabytes": 0.006, "scratch_folder": str(tmp_path)}
    section = TrainingSection.model_validate({"batch_size": 4, "feeding": options})
    for error in (None, KeyboardInterrupt):
        with contextlib.suppress(KeyboardInterrupt), feeding(split, split, GRAPH, section) as feed:
            assert (feed.choice.train, feed.choice.segments) == ("hybrid", 2)
            assert len(list(tmp_path.glob("*/*.tfrecord"))) == 2
            if error is not None:
                raise error
        assert list(tmp_path.iterdir()) == []
