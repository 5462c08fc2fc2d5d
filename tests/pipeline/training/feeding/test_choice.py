"""The choice by sizes: what fits, what is refused, and in which words."""

import pytest

from darkroom.configuration.feeding_section import FeedingSection
from darkroom.errors import ConfigurationError
from pipeline.training.feeding.choice import Budget, Choice, Need, choose

MIB, GIB = 2**20, 2**30
# 1,000 MiB and 100 MiB.
NEED = Need(train=1000, evaluation=100, image_bytes=MIB, step=64)


def choice(mode="auto", *, budget, need=NEED, accelerated=False) -> Choice:
    return choose(FeedingSection(mode=mode), need, Budget(budget * MIB, "a test"), accelerated=accelerated)


def modes(found):
    return found.train, found.evaluation, found.segments


@pytest.mark.parametrize("mode", ["auto", "memory", "hybrid"])
def test_what_fits_is_held(mode):
    assert modes(choice(mode, budget=1100)) == ("memory", "memory", 1)


def test_disk_holds_nothing_though_it_would_fit():
    assert modes(choice("disk", budget=1100)) == ("disk", "disk", 1)


def test_auto_decodes_anew_on_a_cpu_and_cuts_into_segments_on_an_accelerator():
    assert modes(choice(budget=1099)) == ("disk", "memory", 1)
    assert modes(choice(budget=1099, accelerated=True)) == ("hybrid", "memory", 3)


def test_two_segments_and_the_eval_split_fit_into_the_budget():
    for budget in (300, 400, 777, 1099):
        found = choice("hybrid", budget=budget)
        held = NEED.evaluation if found.evaluation == "memory" else 0
        assert 2 * -(-NEED.train // found.segments) + held <= budget


def test_an_eval_split_that_would_take_much_of_the_budget_is_decoded_anew():
    assert modes(choice("hybrid", budget=400)) == ("hybrid", "memory", 7)
    assert modes(choice("hybrid", budget=399)) == ("hybrid", "disk", 6)


def test_memory_refuses_what_does_not_fit_with_sizes_and_advice():
    with pytest.raises(ConfigurationError) as refused:
        choice("memory", budget=1024)
    for words in ("1.1 GiB, and 1.0 GiB may be held (a test)", "1,000.0 MiB for training", "Take mode hybrid, disk"):
        assert words in str(refused.value)


def test_hybrid_refuses_segments_smaller_than_a_step():
    with pytest.raises(ConfigurationError, match=r"makes 20 segments, and each needs 64 images, .* Take mode disk"):
        choice("hybrid", budget=100)
    with pytest.raises(ConfigurationError, match="mode is hybrid"):
        choice("hybrid", budget=0)


def test_auto_takes_the_disk_where_segments_would_be_too_small():
    assert modes(choice(budget=100, accelerated=True)) == ("disk", "disk", 1)


def test_the_reason_has_the_sizes():
    assert choice(budget=2048).reason == "preprocessed, both splits take 1.1 GiB, and 2.0 GiB may be held (a test)"


def test_the_budget_is_a_share_of_the_machine():
    found = Budget.of(FeedingSection(), 10 * GIB)
    assert found.bytes == 4 * GIB
    assert found.origin == "two fifths of the 10.0 GiB that this machine or container has"


def test_workers_on_one_machine_divide_the_budget():
    assert Budget.of(FeedingSection(), 10 * GIB, 2).bytes == 2 * GIB


def test_a_configured_budget_is_taken_as_far_as_the_machine_goes():
    section = FeedingSection(memory_megabytes=2048)
    assert Budget.of(section, 10 * GIB).bytes == 2 * GIB
    assert Budget.of(section, GIB).bytes == GIB
