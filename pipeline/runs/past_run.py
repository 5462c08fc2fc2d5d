"""One run of a pipeline, as ML Metadata remembers it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipeline.runs.records import ArtifactRecord, NodeRecord, RecordedState
from pipeline.runs.run_facts import RunFacts


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run.

    Attributes:
        run_id: the moment of its start, in ISO 8601; in Kubeflow its id there.
        pipeline: its name.
        started, ended: of its first and last node.
        nodes: by name, in the order of their starts; those that never started are not there.
        facts: what it was started with; None for runs of earlier versions.
    """

    run_id: str
    pipeline: str
    started: datetime
    ended: datetime
    nodes: dict[str, NodeRecord]
    facts: RunFacts | None

    @property
    def failed_node(self) -> str | None:
        """The node that failed or paused, if one did."""
        return next((name for name, node in self.nodes.items() if node.state is RecordedState.FAILED), None)

    @property
    def outcome(self) -> str:
        """In a few words."""
        if self.failed_node is not None:
            if self.facts is not None and self.facts.paused:
                return f"paused in {self.failed_node}"
            return f"failed in {self.failed_node}"
        if self.pushed_version is not None:
            return f"pushed as {self.pushed_version}"
        if any(node.state is RecordedState.RUNNING for node in self.nodes.values()):
            process = self.facts.process if self.facts is not None else None
            return "interrupted" if process is not None and process.is_gone else "running"
        if self.blessed is None:
            return "ended early"
        return "blessed, not pushed" if self.blessed else "not blessed"

    @property
    def blessed(self) -> bool | None:
        """Whether the gate let the model pass; None where it did not come so far."""
        blessing = self.output("Evaluator", "blessing")
        return None if blessing is None else blessing.properties.get("blessed") == 1

    @property
    def pushed_version(self) -> int | None:
        """Of the model repository."""
        pushed = self.output("ModelPusher", "pushed_model")
        if pushed is None or pushed.properties.get("pushed") != 1:
            return None
        return int(pushed.properties["pushed_version"])

    @property
    def spans(self) -> str | None:
        """The names of the spans of data that it took, the oldest first, with commas between; None without any."""
        examples = self.output("ImageExampleGen", "examples")
        return None if examples is None else examples.properties.get("spans")

    @property
    def deliveries(self) -> frozenset[str]:
        """The spans that it took, each with its version where spans have versions: `7`, `7 version 2`."""
        examples = self.output("ImageExampleGen", "examples")
        if examples is None:
            return frozenset()
        found = examples.properties.get("span_versions") or examples.properties.get("spans") or ""
        return frozenset(found.split(",")) - {""}

    def output(self, node_id: str, key: str) -> ArtifactRecord | None:
        """An artifact that a node wrote or reused; None where it did not come so far."""
        found = self.nodes[node_id].outputs.get(key, []) if node_id in self.nodes else []
        return found[0] if found else None
