"""A run in Kubeflow, watched to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pipeline.kubeflow.api import UNDER_WAY, KubeflowApi


def follow(api: KubeflowApi, run_id: str, on_change: Callable[[str, str], None], pause: float) -> str:
    """Waits until a run has ended.

    Args:
        api: where it runs.
        run_id: of the run.
        on_change: called with a step's name and state, when it has another one than before.
        pause: seconds between two looks.

    Returns:
        The state of the run: SUCCEEDED, FAILED, CANCELED or SKIPPED.

    Raises:
        DarkroomError: the API cannot be reached, or refuses.
    """
    known: dict[str, str] = {}
    while True:
        run = api.run(run_id)
        for name, state in _steps(run):
            if known.get(name) != state:
                known[name] = state
                on_change(name, state)
        if run.state and run.state not in UNDER_WAY and run.state != "RUNTIME_STATE_UNSPECIFIED":
            return str(run.state)
        time.sleep(pause)


def _steps(run: Any) -> list[tuple[str, str]]:
    """Steps in the order of their starts; drivers, which Kubeflow runs beside each, are none."""
    details = (run.run_details.task_details if run.run_details else None) or []
    steps = [one for one in details if one.display_name and one.state and not one.display_name.endswith("driver")]
    return [(one.display_name, str(one.state)) for one in sorted(steps, key=lambda one: str(one.create_time or ""))]
