"""Small files that steps of a run leave for others of it, under the pipeline's root."""

from __future__ import annotations

import os

from darkroom.configuration import DarkroomConfig
from pipeline.artifact_files import write_text

_FOLDER = "steps"


def step_file(config: DarkroomConfig, run_id: str, name: str) -> str:
    """Where a file of this name is."""
    return f"{config.pipeline_root.rstrip('/')}/{_FOLDER}/{run_id}/{name}.json"


def write_step_file(config: DarkroomConfig, run_id: str, name: str, text: str) -> str:
    """Writes one, in place of an earlier try's; returns where it is."""
    uri = step_file(config, run_id, name)
    if "://" not in uri:
        os.makedirs(os.path.dirname(uri), exist_ok=True)
    write_text(uri, text)
    return uri
