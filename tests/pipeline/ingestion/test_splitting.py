"""From rows to splits, with what the source itself decides."""

import numpy as np
import pytest

from darkroom.configuration.split_ratios import SplitRatios
from pipeline.features import SPLITS
from pipeline.ingestion.ledger import Ledger
from pipeline.ingestion.options import IngestionOptions
from pipeline.ingestion.splits import ASIDE
from pipeline.ingestion.splitting import split_rows
from pipeline.ingestion.staging import ROW
from preprocessing.images import ImageLimits


@pytest.fixture
def split():
    """The splits of images, by the number of their bytes and what the source gives."""
    options = IngestionOptions(root="images", ratios=SplitRatios(), limits=ImageLimits())

    def splits(*images):
        rows = np.zeros(len(images), ROW)
        for number, (content, given) in enumerate(images):
            rows[number]["sha256"][-1] = content
            rows[number]["name"] = number
            rows[number]["given"] = 0 if given is None else 1 + SPLITS.index(given)
        found = split_rows(rows, options, Ledger.empty())
        return ["aside" if one == ASIDE else SPLITS[one] for one in found.splits], list(found.torn)

    return splits


def test_the_same_bytes_in_two_of_a_sources_splits_are_only_held_out(split):
    found = split((1, "train"), (1, "test"), (2, "train"), (2, "eval"), (3, "train"), (4, "eval"), (4, "test"))
    assert found == (["aside", "test", "aside", "eval", "train", "aside", "test"], [0, 2, 5])


def test_copies_that_the_source_leaves_to_the_rules_go_where_it_puts_the_others(split):
    assert split((1, None), (1, "test"), (2, "train"), (3, "eval"))[0][:2] == ["test", "test"]


def test_no_images_have_no_splits(split):
    assert split() == ([], [])
