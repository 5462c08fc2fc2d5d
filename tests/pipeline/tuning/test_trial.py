import pytest

from darkroom.errors import ConfigurationError, DarkroomError
from pipeline.tuning.trial import TrialJob, TrialResult, read_result, run_trial, trial_options
from tests.pipeline.tuning.made_search import made_search, write_examples


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return write_examples(tmp_path_factory.mktemp("examples"))


@pytest.fixture
def trial(examples, tmp_path):
    search = made_search(examples, tmp_path, {}, epochs=3)

    def run(name, values=None, *, epochs=None, goes_on_from=None, objective="val_accuracy"):
        options = trial_options(search.options, values or {}, objective)
        folder = str(tmp_path / name)
        before = str(tmp_path / goes_on_from) if goes_on_from else None
        job = TrialJob(
            name=name, options=options, inputs=search.inputs, folder=folder, epochs=epochs, goes_on_from=before
        )
        run_trial(job.model_dump(mode="json"))
        return read_result(folder)

    return run


def test_a_trial_that_is_gone_on_with_is_the_whole_training_bit_for_bit(trial):
    whole = trial("whole")
    first = trial("first", epochs=1)
    second = trial("second", epochs=2, goes_on_from="first")
    last = trial("last", goes_on_from="second")
    assert (first.epochs, second.epochs, last.epochs, whole.epochs) == (1, 2, 3, 3)
    assert last.history == whole.history
    assert first.history["loss"] == whole.history["loss"][:1]


def test_a_trial_trains_with_its_values_and_measures_what_decides(trial):
    values = {"training.learning_rate": 0.0001, "training.schedule.name": "constant"}
    result = trial("slow", values, objective="val_f1", epochs=1)
    assert result.history["learning_rate"] == [pytest.approx(0.0001)]
    assert len(result.history["val_f1"]) == 1


def test_values_that_do_not_fit_together_are_named(trial):
    with pytest.raises(ConfigurationError, match=r"batch_size=5.*multiple of augmentation.n_augmentation 2"):
        trial("odd", {"training.batch_size": 5, "training.augmentation.n_augmentation": 2})


def test_a_trial_leaves_out_what_only_keeps_or_shows_the_training(examples, tmp_path):
    search = made_search(
        examples, tmp_path, {}, max_minutes=1, keep_optimizer=True, tensorboard={"enabled": True}, save_domain="base"
    )
    options = trial_options(search.options, {}, "val_loss")
    section = options.training
    assert (section.max_minutes, section.keep_optimizer, section.save_domain) == (None, False, None)
    assert not section.tensorboard.enabled
    assert options.domain_folder is None


def test_the_best_epoch_counts_and_epochs_without_a_number_do_not():
    result = TrialResult(history={"val_loss": [3.0, float("nan"), 2.0, 2.5]}, seconds=1)
    assert result.best("val_loss", rising=False) == 2.0
    assert result.best("val_loss", rising=True) == 3.0
    with pytest.raises(ConfigurationError, match="val_f1 is not measured; there are val_loss"):
        result.best("val_f1", rising=True)
    with pytest.raises(DarkroomError, match="was not a number in any epoch"):
        TrialResult(history={"val_loss": [float("nan")]}, seconds=1).best("val_loss", rising=False)
