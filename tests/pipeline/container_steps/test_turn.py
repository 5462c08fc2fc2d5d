"""One run of a model at a time."""

import json
import threading
import time

import pytest

from darkroom.configuration.load import parse_configuration
from pipeline.container_steps.turn import LONGEST_RUN_SECONDS, give_back, take_turn


@pytest.fixture
def config(tmp_path):
    return parse_configuration("model: {name: pets}\n", tmp_path / "darkroom.yaml")


def test_the_first_has_it_until_it_gives_it_back(config):
    assert take_turn(config, "a") is None
    assert take_turn(config, "b") == "a"
    give_back(config, "a")
    assert take_turn(config, "b") is None


def test_a_step_that_is_tried_again_has_it_already(config):
    assert take_turn(config, "a") is None
    assert take_turn(config, "a") is None


def test_a_run_gives_back_only_its_own(config):
    take_turn(config, "a")
    give_back(config, "b")
    assert take_turn(config, "b") == "a"


def test_models_do_not_wait_for_one_another(config, tmp_path):
    other = parse_configuration("model: {name: cars}\n", tmp_path / "darkroom.yaml")
    assert take_turn(config, "a") is None
    assert take_turn(other, "b") is None


def test_one_that_was_left_behind_is_taken_after_a_day(config, tmp_path):
    take_turn(config, "a")
    [file] = (tmp_path / ".darkroom").glob("under_way-*")
    file.write_text(json.dumps({"run_id": "a", "taken": time.time() - LONGEST_RUN_SECONDS - 1}))
    assert take_turn(config, "b") is None
    assert take_turn(config, "c") == "b"


def test_of_many_at_once_one_has_it(config):
    barrier, answers = threading.Barrier(16), {}

    def run(name):
        barrier.wait()
        answers[name] = take_turn(config, name)

    threads = [threading.Thread(target=run, args=(str(number),)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [winner] = [name for name, other in answers.items() if other is None]
    assert {other for other in answers.values() if other is not None} == {winner}
