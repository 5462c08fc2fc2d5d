import json

import numpy as np
import pytest
import tensorflow as tf

from preprocessing.graph import PreprocessingGraph
from preprocessing.saved import (
    DESCRIPTION_FILE,
    LoadedPreprocessing,
    PreprocessingMismatchError,
    describe,
    parse_description,
    save_preprocessing,
)
from preprocessing.spec import PreprocessingSpec
from preprocessing.statistics import ChannelStatistics
from tests.preprocessing.made_images import every_variant

STATISTICS = ChannelStatistics(mean=(120.5, 110.25, 99.123456789), std=(50.0, 51.0, 52.0), image_count=10)


@pytest.fixture(scope="module")
def graph():
    return PreprocessingGraph(PreprocessingSpec(height=24, width=20, version="test"), STATISTICS)


@pytest.fixture
def saved(graph, tmp_path):
    save_preprocessing(graph, tmp_path)
    return tmp_path


def test_a_loaded_graph_gives_the_same_pixels_bit_for_bit(graph, saved):
    images = tf.constant([data for _, data in every_variant()])
    assert np.array_equal(LoadedPreprocessing(saved)(images).numpy(), graph(images).numpy())


def test_a_loaded_graph_knows_what_it_is(graph, saved):
    loaded = LoadedPreprocessing(saved)
    assert (loaded.spec, loaded.statistics, loaded.version) == (graph.spec, graph.statistics, graph.version)


def test_a_file_that_was_edited_is_refused(graph, saved):
    facts = json.loads((saved / DESCRIPTION_FILE).read_text())
    facts["version"] = "test-000000000000"
    (saved / DESCRIPTION_FILE).write_text(json.dumps(facts))
    with pytest.raises(PreprocessingMismatchError, match="test-000000000000"):
        LoadedPreprocessing(saved)


def test_a_description_beside_another_graph_is_refused(graph, tmp_path):
    other = PreprocessingGraph(PreprocessingSpec(height=24, width=20, scaling="none"))
    save_preprocessing(other, tmp_path)
    (tmp_path / DESCRIPTION_FILE).write_text(json.dumps(describe(graph)))
    with pytest.raises(PreprocessingMismatchError, match="belongs to another graph"):
        LoadedPreprocessing(tmp_path)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [("spec", "pad_value", 9), ("spec", "mode", "stretch"), ("statistics", "mean", [1.0, 2.0, 3.0])],
)
def test_a_description_whose_version_does_not_follow_is_refused(graph, part, key, value):
    facts = describe(graph)
    facts[part] = facts[part] | {key: value}
    with pytest.raises(PreprocessingMismatchError, match="Export the model again"):
        parse_description(facts)


def test_another_op_revision_is_refused(graph):
    with pytest.raises(PreprocessingMismatchError, match="op revision 0"):
        parse_description(describe(graph) | {"op_revision": 0})


@pytest.mark.parametrize("missing", ["version", "spec", "statistics", "op_revision"])
def test_an_incomplete_description_is_refused(graph, missing):
    facts = describe(graph)
    del facts[missing]
    with pytest.raises(PreprocessingMismatchError, match="incomplete"):
        parse_description(facts)
