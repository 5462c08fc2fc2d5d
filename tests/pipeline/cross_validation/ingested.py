"""Small sets, ingested as the pipeline does it."""

from __future__ import annotations

from pathlib import Path

from tfx.types import standard_artifacts

from darkroom.configuration import DarkroomConfig
from pipeline.ingestion.executor import ImageExecutor
from pipeline.ingestion.options import IngestionOptions
from pipeline.ingestion.quarantine import Quarantine


def ingest(config: DarkroomConfig, target: Path) -> str:
    """Where the examples of a configuration are; the ledger is that of the examples alone."""
    examples, quarantine = standard_artifacts.Examples(), Quarantine()
    examples.uri, quarantine.uri = str(target / "examples"), str(target / "quarantine")
    options = IngestionOptions.from_configuration(config).model_copy(update={"ledgers": None})
    ImageExecutor().Do(
        {},
        {"examples": [examples], "quarantine": [quarantine]},
        {"ingestion_options": options.model_dump_json()},
    )
    return str(examples.uri)
