import subprocess
import sys

import pytest

from serving.gateway.releases.assignment import is_assigned

CLIENTS = [f"client-{number}" for number in range(4000)]


def canaries(weight, salt="2"):
    return {client for client in CLIENTS if is_assigned(weight, client, salt)}


@pytest.mark.parametrize("weight", [0.05, 0.5])
def test_the_share_of_clients_is_the_weight(weight):
    assert len(canaries(weight)) / len(CLIENTS) == pytest.approx(weight, abs=0.03)


def test_a_larger_weight_takes_no_client_away():
    assert canaries(0.05) < canaries(0.06) < canaries(0.5) < canaries(1.0)


def test_nobody_and_everybody():
    assert not canaries(0.0)
    assert canaries(1.0) == set(CLIENTS)


def test_another_process_assigns_alike():
    code = (
        "from serving.gateway.releases.assignment import is_assigned\n"
        "print(sum(is_assigned(0.3, f'client-{n}', '2') << n for n in range(200)))"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30).stdout

    assert int(there) == sum(is_assigned(0.3, client, "2") << n for n, client in enumerate(CLIENTS[:200]))


def test_another_canary_has_other_clients():
    assert 0.3 < len(canaries(0.5, "2") & canaries(0.5, "3")) / len(canaries(0.5, "2")) < 0.7


def test_without_a_key_requests_are_assigned_one_by_one():
    assert sum(is_assigned(0.2, "", "2") for _ in range(4000)) / 4000 == pytest.approx(0.2, abs=0.05)


def test_a_key_that_is_no_text_is_a_key_too():
    assert is_assigned(1.0, "\udcff", "2")
