"""The smallest limit counts, wherever control groups say it."""

import os

import pytest

from pipeline.training.feeding.machine_memory import memory_bytes

PHYSICAL = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def limited(tmp_path):
    def found(own, limits):
        for path, limit in limits.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(f"{limit}\n")
        (tmp_path / "own").write_text(own)
        return memory_bytes(tmp_path, tmp_path / "own")

    return found


def test_without_limits_it_is_the_machine(limited, tmp_path):
    assert limited("0::/\n", {}) == PHYSICAL
    assert limited("0::/a\n", {"a/memory.max": "max"}) == PHYSICAL
    assert limited("4:memory:/\n", {"memory/memory.limit_in_bytes": 9223372036854771712}) == PHYSICAL
    assert memory_bytes(tmp_path, tmp_path / "no control groups") == PHYSICAL


def test_version_2_takes_the_smallest_on_the_way_up(limited):
    assert limited("0::/pod/box\n", {"pod/memory.max": 2**20, "pod/box/memory.max": 2**21}) == 2**20


def test_version_1_reads_the_group_of_the_memory_controller(limited):
    own = "9:name=systemd:/\n5:cpu,cpuacct:/other\n4:memory:/box\n0::/\n"
    assert limited(own, {"memory/box/memory.limit_in_bytes": 2**22}) == 2**22


def test_in_a_container_whose_path_is_the_hosts_the_root_counts(limited):
    assert limited("4:memory:/docker/abc\n", {"memory/memory.limit_in_bytes": 2**23}) == 2**23
