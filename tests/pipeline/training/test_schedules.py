import pytest
from pydantic import ValidationError

from darkroom.configuration.schedule_section import ScheduleSection
from pipeline.training.schedules import learning_rate


def rates(steps=100, per_epoch=10, at=(0, 1, 10, 20, 99), **options):
    schedule = learning_rate(ScheduleSection(**options), 0.1, steps=steps, steps_per_epoch=per_epoch)
    if isinstance(schedule, float):
        return [schedule for _ in at]
    restored = type(schedule).from_config(schedule.get_config())
    assert [float(restored(step)) for step in at] == [float(schedule(step)) for step in at]
    return [float(schedule(step)) for step in at]


def test_constant():
    assert rates(name="constant") == [0.1] * 5


def test_cosine_falls_to_its_share_over_the_whole_training():
    found = rates(name="cosine", at=(0, 50, 100))
    assert found == pytest.approx([0.1, 0.0505, 0.001])


def test_exponential():
    assert rates(name="exponential", decay_rate=0.5, decay_epochs=1, at=(0, 10, 15, 20)) == pytest.approx(
        [0.1, 0.05, 0.1 * 0.5**1.5, 0.025]
    )
    assert rates(name="exponential", decay_epochs=1, staircase=True, at=(15,)) == pytest.approx([0.05])


def test_inverse_time():
    assert rates(name="inverse_time", decay_rate=1, decay_epochs=1, at=(0, 10, 30)) == pytest.approx([0.1, 0.05, 0.025])


@pytest.mark.parametrize("name", ["constant", "cosine", "exponential", "inverse_time"])
def test_warm_up_rises_along_a_line_and_then_begins(name):
    found = rates(name=name, warmup_epochs=1, at=(0, 4, 9, 10))
    assert found == pytest.approx([0.01, 0.05, 0.1, 0.1])


def test_cosine_after_a_warm_up_still_ends_with_the_training():
    assert rates(name="cosine", warmup_epochs=2, at=(20, 60, 100)) == pytest.approx([0.1, 0.0505, 0.001])


def test_a_plateau_starts_from_a_rate_that_can_be_set():
    section = ScheduleSection(name="plateau", factor=0.2, patience=7)
    assert learning_rate(section, 0.1, steps=10, steps_per_epoch=5) == 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "plateau", "warmup_epochs": 1}, "plateau has no warm-up"),
        ({"name": "exponential", "decay_rate": 2}, "would not let the rate fall"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        ScheduleSection(**options)
