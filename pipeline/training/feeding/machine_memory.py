"""How much memory this machine has, or the container that the process runs in."""

from __future__ import annotations

import os
from pathlib import Path

_CONTROL_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def memory_bytes(groups: Path = _CONTROL_GROUPS, own: Path = _OWN_GROUPS) -> int:
    """The memory of the machine or, where that is less, the limit of the innermost control group that has one.

    This is the total, whatever else runs now: what is decided from it is decided alike each time.

    Args:
        groups: where control groups are mounted, version 1 or 2 (kernel documentation, `cgroup-v1/memory.rst` and
            `cgroup-v2.rst`).
        own: the list of groups that this process is in.
    """
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    # Version 1 writes a number near 2**63 for "no limit", which the minimum takes care of.
    return min([physical, *_limits(groups, own)])


def _limits(groups: Path, own: Path) -> list[int]:
    if not own.is_file():
        return []
    found: list[int] = []
    for line in own.read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            found += _up_from(groups / "memory", path, "memory.limit_in_bytes")
        elif not controllers:
            found += _up_from(groups, path, "memory.max")
    return found


def _up_from(root: Path, path: str, file: str) -> list[int]:
    """The limits of a group and all that it is in; inside a container the path may be the host's, and not be there."""
    inner = root / path.lstrip("/")
    folders = [inner, *inner.parents]
    within = folders[: folders.index(root) + 1] if root in folders else [root]
    texts = [limit.read_text(encoding="utf-8").strip() for folder in within if (limit := folder / file).is_file()]
    return [int(text) for text in texts if text.isdigit()]
