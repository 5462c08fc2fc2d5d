"""A training that dies after the last step of an epoch, before the epoch's end is saved."""

import numpy as np
import pytest

from darkroom.configuration import DarkroomConfig
from pipeline.training.fit import fit
from pipeline.training.options import TrainerOptions
from pipeline.training.state.store import StateStore
from pipeline.training.watching.history import History
from preprocessing.graph import PreprocessingGraph
from tests.pipeline.training.records import facts, write_split

TRAIN, EVAL = 24, 9


class DiedError(Exception):
    """In place of a kill."""


@pytest.fixture
def dying(monkeypatch):
    """Lets the next training die where an epoch's end is first told to those that remember."""
    ended = History.on_epoch_end

    def die(epoch):
        def on_epoch_end(self, number, logs=None):
            if number == epoch:
                monkeypatch.setattr(History, "on_epoch_end", ended)
                raise DiedError
            ended(self, number, logs)

        monkeypatch.setattr(History, "on_epoch_end", on_epoch_end)

    return die


@pytest.mark.parametrize(("length", "epoch"), [({"epochs": 3}, 1), ({"steps": 8}, 2)], ids=["an epoch", "the last"])
def test_it_goes_on_as_if_nothing_had_been(tmp_path, dying, length, epoch):
    splits = write_split(tmp_path / "train", TRAIN), write_split(tmp_path / "eval", EVAL)
    config = DarkroomConfig.model_validate(
        {
            "preprocessing": {"height": 8, "width": 8, "channels": 1, "scaling": "symmetric"},
            "model": {"small_cnn": {"filters": [4], "convolutions": 1, "dense_units": 0}},
            "training": {"batch_size": 8, "early_stopping": None, "checkpoint": {"every_steps": 1}} | length,
        }
    ).located_at(tmp_path)

    def train(store):
        options = TrainerOptions.from_configuration(config, "0")
        return fit(options, PreprocessingGraph(config.preprocessing), *splits, facts=facts(TRAIN), store=store)

    whole = train(None)
    store = StateStore(str(tmp_path / "state"))
    dying(epoch)
    with pytest.raises(DiedError):
        train(store)
    result = train(store)
    assert result.history == whole.history
    weights = (one.network.model.get_weights() for one in (result, whole))
    assert all(np.array_equal(one, other) for one, other in zip(*weights, strict=True))
