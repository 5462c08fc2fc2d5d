"""A worker's pod, read from what the Kubernetes API says of it."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# As a container's runtime writes that a signal ended its process.
_SIGNALLED = 128
# Those that come from outside: the node that shuts down, the kubelet, somebody's kill. A crash has others.
_FROM_OUTSIDE = frozenset({_SIGNALLED + signal.SIGKILL, _SIGNALLED + signal.SIGTERM, _SIGNALLED + signal.SIGINT})

# Reasons of pods that ended, or never began, for the sake of their node.
_NODE_REASONS = frozenset(
    {
        "Evicted",
        "Preempting",
        "NodeLost",
        "NodeShutdown",
        "Shutdown",
        "Terminated",
        "NodeAffinity",
        "UnexpectedAdmissionError",
    }
)


@dataclass(frozen=True, slots=True)
class WorkerPod:
    """A worker's pod at one moment.

    Attributes:
        name, uid: Kubernetes'.
        worker: its number; None where it has none.
        container: the name of the one that trains.
        phase: Pending, Running, Succeeded, Failed or Unknown.
        is_going: whether somebody deletes it.
        is_disrupted: whether it was, or is being, ended for another reason than what it did.
        exit_code: of its process; None while it runs, and where nobody knows.
        ended: when, in RFC 3339; empty while it runs.
        is_out_of_memory: whether it was ended for taking too much.
        last_words: the end of its log, as its node kept it.
        waits_for: why it does not run yet.
    """

    name: str
    uid: str
    worker: int | None
    container: str
    phase: str
    is_going: bool
    is_disrupted: bool
    exit_code: int | None
    ended: str
    is_out_of_memory: bool
    last_words: str
    waits_for: str

    @property
    def has_started(self) -> bool:
        """Whether there is a log."""
        return self.phase in ("Running", "Succeeded", "Failed")

    @property
    def has_failed_itself(self) -> bool:
        """Whether what it did ended it."""
        return self.phase == "Failed" and not self.is_disrupted and not self.is_going

    @property
    def has_ended(self) -> bool:
        """Whether its log will not grow."""
        return self.phase in ("Succeeded", "Failed")

    @classmethod
    def read(cls, pod: Mapping[str, Any], index_label: str) -> WorkerPod:
        """From the API's JSON."""
        metadata, status = pod["metadata"], pod.get("status") or {}
        states = [one.get("state") or {} for one in status.get("containerStatuses") or []]
        terminated: Mapping[str, Any] = next((state["terminated"] for state in states if "terminated" in state), {})
        out_of_memory = terminated.get("reason") == "OOMKilled"
        index = (metadata.get("labels") or {}).get(index_label, "")
        failed, code = status.get("phase") == "Failed", terminated.get("exitCode")
        going = "deletionTimestamp" in metadata
        conditions = {one["type"]: one for one in status.get("conditions") or []}
        disrupted = conditions.get("DisruptionTarget", {}).get("status") == "True"
        return cls(
            name=metadata["name"],
            uid=metadata["uid"],
            worker=int(index) if index.isdecimal() else None,
            container=pod["spec"]["containers"][0]["name"],
            phase=status.get("phase", "Pending"),
            is_going=going,
            is_disrupted=disrupted
            or (failed and status.get("reason") in _NODE_REASONS)
            # Whoever deletes a pod sends it signals, too: the operator does when another worker has failed.
            or (failed and code in _FROM_OUTSIDE and not out_of_memory and not going),
            exit_code=code,
            ended=terminated.get("finishedAt") or "",
            is_out_of_memory=out_of_memory,
            last_words=terminated.get("message") or status.get("message") or "",
            waits_for=_waits_for(conditions, states),
        )

    def describe_end(self, workers: int) -> str:
        """How it ended, for people."""
        if self.is_out_of_memory:
            how = "was ended for taking more memory than kubeflow.training_job.worker.memory gives it"
        elif self.exit_code is None:
            how = "is gone"
        elif self.exit_code > _SIGNALLED:
            how = f"was ended by {_name_of(self.exit_code - _SIGNALLED)}"
        else:
            how = f"ended with exit code {self.exit_code}"
        return f"worker {self.worker} of {workers} (pod {self.name}) {how}"


def _waits_for(conditions: Mapping[str, Mapping[str, Any]], states: list[Mapping[str, Any]]) -> str:
    for state in states:
        if waiting := state.get("waiting"):
            return f"{waiting.get('reason', 'Waiting')} {waiting.get('message', '')}".strip()
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return f"{scheduled.get('reason', 'Unschedulable')} {scheduled.get('message', '')}".strip()
    return ""


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
