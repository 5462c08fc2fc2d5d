"""Finding a search's report among a run's artifacts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tfx.types import artifact_utils

from pipeline.runner import NodeResult
from pipeline.tuning.report import TuningReport
from pipeline.tuning.values import REPORT_KEY

_TUNER = "Tuner"

# The name that TFX's Tuner gives its file.
_BEST_FILE = "best_hyperparameters.txt"


def read_report(results: Mapping[str, NodeResult]) -> TuningReport:
    """The report of the search in a run, also one whose result was reused."""
    uri = artifact_utils.get_single_uri(results[_TUNER].outputs["best_hyperparameters"])
    with tf.io.gfile.GFile(f"{uri}/{_BEST_FILE}") as file:
        best: dict[str, Any] = json.load(file)
    return TuningReport.read(best["values"][REPORT_KEY])
