"""What the oracles propose, without any training."""

import keras_tuner
import pytest

from darkroom.configuration.tuning_section import TuningSection
from pipeline.tuning.oracle import make_oracle
from pipeline.tuning.values import plain_values

PARAMETERS = {
    "training.learning_rate": {"min": 1e-4, "max": 1e-2, "scale": "log"},
    "training.batch_size": {"min": 8, "max": 64, "step": 8},
    "training.optimizer.name": ["adam", "sgd"],
    "training.optimizer.momentum": {"values": [0.8, 0.9], "when": {"training.optimizer.name": ["sgd"]}},
}


def proposals(tmp_path, most=100, **tuning):
    """The values of all trials; later ones score better."""
    section = TuningSection.model_validate({"parameters": PARAMETERS} | tuning)
    oracle = make_oracle(section, rising=True, epochs=section.epochs or 4)
    oracle._set_project_dir(str(tmp_path), "search")
    found = []
    while len(found) < most:
        trial = oracle.create_trial("one")
        if trial.status == "STOPPED":
            return found
        found.append(dict(trial.hyperparameters.values))
        oracle.update_trial(trial.trial_id, {"val_accuracy": len(found) / 100})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return found


@pytest.mark.parametrize("algorithm", ["random", "bayesian"])
def test_values_stay_in_their_ranges_and_differ(tmp_path, algorithm):
    found = proposals(tmp_path, algorithm=algorithm, trials=12)
    assert len(found) == 12
    assert len({str(values) for values in found}) == 12
    for values in found:
        assert 1e-4 <= values["training.learning_rate"] <= 1e-2
        assert values["training.batch_size"] in range(8, 65, 8)
        assert isinstance(values["training.batch_size"], int)


def test_a_conditional_value_is_searched_only_where_its_condition_holds(tmp_path):
    for values in proposals(tmp_path, algorithm="random", trials=12):
        assert ("training.optimizer.momentum" in values) == (values["training.optimizer.name"] == "sgd")


def test_the_seed_decides(tmp_path):
    first, again, other = (
        proposals(tmp_path / str(number), algorithm="random", trials=3, seed=seed)
        for number, seed in enumerate((0, 0, 1))
    )
    assert first == again != other


def test_the_grid_has_every_combination_once(tmp_path):
    grid = {"training.batch_size": [8, 16, 32], "training.optimizer.name": ["adam", "sgd"]}
    found = proposals(tmp_path, algorithm="grid", parameters=grid)
    assert len(found) == 6
    assert len({str(sorted(values.items())) for values in found}) == 6


def test_hyperband_goes_on_with_the_best_for_more_epochs(tmp_path):
    found = proposals(tmp_path, algorithm="hyperband", epochs=4, factor=2)
    promoted = [values for values in found if values.get("tuner/trial_id")]
    assert promoted
    for values in promoted:
        before = found[int(values["tuner/trial_id"])]
        assert plain_values(before) == plain_values(values)
        assert before["tuner/epochs"] == values["tuner/initial_epoch"] < values["tuner/epochs"] <= 4


def test_a_falling_objective_is_minimised():
    section = TuningSection(objective="val_loss")
    assert make_oracle(section, rising=False, epochs=1).objective == keras_tuner.Objective("val_loss", "min")
