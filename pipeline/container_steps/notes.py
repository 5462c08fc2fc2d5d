"""What steps leave for the last one, under the pipeline's root: ML Metadata does not know why a node failed."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict

from darkroom.configuration import DarkroomConfig
from pipeline.artifact_files import read_text_if_there
from pipeline.container_steps.step_files import step_file, write_step_file
from pipeline.runs.run_metrics import Outcome
from pipeline.triggers import Decision


class StepNote(BaseModel):
    """A step that decided something, or failed.

    Attributes:
        outcome: what the run's is if this step does not get further.
        sentence: for people.
        decision: of the first step.
        started: of the first step, Unix time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: Outcome
    sentence: str
    decision: Decision | None = None
    started: float | None = None

    def write(self, config: DarkroomConfig, run_id: str, step: str) -> None:
        """Leaves it; one of an earlier try is replaced."""
        write_step_file(config, run_id, step, self.model_dump_json() + "\n")

    @classmethod
    def read(cls, config: DarkroomConfig, run_id: str, step: str) -> Self | None:
        """That of a step; None where it left none."""
        text = read_text_if_there(step_file(config, run_id, step))
        return None if text is None else cls.model_validate_json(text)
