"""What validation found, stored as `data_check.json` in an artifact of its own."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict
from tfx.types.artifact import Artifact

from pipeline.artifact_files import read_text, write_text
from pipeline.validation.comparison import Comparison

DATA_CHECK_FILE = "data_check.json"

# DataValidator's parameter that tells a run from a look at the data, and the property of its result that says whether
# later data may be compared with this. `PreviousData` reads both from ML Metadata.
ENDS_RUN_KEY = "ends_run"
BASELINE_PROPERTY = "is_baseline"


class DataCheckResult(Artifact):
    """The artifact; `data_check.json` is a `DataCheck`."""

    TYPE_NAME = "DataCheckResult"


class DataCheck(BaseModel):
    """How the data compares with the schema, with earlier data and with what was served.

    Attributes:
        previous: what the data was compared with; None where there was nothing before.
        anomalies: deviations from the schema, one sentence each.
        comparisons: every feature of every pair of sets.
        blocked_by: the rules that a run ends over, such as `data.validation.drift`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    previous: str | None
    anomalies: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    blocked_by: tuple[str, ...]

    @property
    def exceeded(self) -> tuple[Comparison, ...]:
        """The comparisons above their limits."""
        return tuple(one for one in self.comparisons if one.is_exceeded)

    def write(self, uri: str) -> None:
        """Writes it into the artifact, whose folder is there."""
        write_text(f"{uri.rstrip('/')}/{DATA_CHECK_FILE}", self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, uri: str) -> Self:
        """Reads it from an artifact.

        Raises:
            OSError: it cannot be read.
        """
        return cls.model_validate_json(read_text(f"{uri.rstrip('/')}/{DATA_CHECK_FILE}"))
