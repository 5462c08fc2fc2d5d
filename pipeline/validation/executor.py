"""The executor of DataValidator."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.dsl.components.base import base_executor
from tfx.types import Artifact, artifact_utils

from darkroom.configuration.validation_section import ValidationSection
from darkroom.errors import DataError
from pipeline.features import EVAL_SPLIT, TEST_SPLIT, TRAIN_SPLIT
from pipeline.progress import reporter
from pipeline.validation.anomalies import read_anomalies
from pipeline.validation.comparison import Comparison, Statistics, compare
from pipeline.validation.data_check import BASELINE_PROPERTY, ENDS_RUN_KEY, DataCheck
from pipeline.validation.served import read_population, served_statistics

# How many sentences an error names.
_NAMED = 5


class DataValidatorExecutor(base_executor.BaseExecutor):
    """Compares, tells, and ends the run where that is wanted."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes what was found.

        Only looking at data shows what is switched off, too, and ends nothing.

        Raises:
            DataError: a run's data has anomalies, drift or skew, and `data.validation` blocks them.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        section = ValidationSection.model_validate_json(exec_properties["section"])
        ends_run = bool(exec_properties[ENDS_RUN_KEY])
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        previous = next(iter(input_dict.get("previous") or ()), None)
        has_dates = bool(exec_properties["has_dates"])
        current = _title(statistics, has_dates) or "this data", read_statistics(statistics, TRAIN_SPLIT)
        comparisons: list[Comparison] = []
        base = None
        if _is_shown(section.drift, ends_run) and previous is not None:
            base = _title(previous, has_dates) or "the data before"
            comparisons += compare("drift", (base, read_statistics(previous, TRAIN_SPLIT)), current, section)
        if _is_shown(section.skew, ends_run):
            for split in (EVAL_SPLIT, TEST_SPLIT):
                other = f"the {split} split", read_statistics(statistics, split)
                comparisons += compare("skew", ("the train split", current[1]), other, section)
        if _is_shown(section.drift, ends_run) and exec_properties["served"]:
            served = served_statistics(read_population(exec_properties["served"]), current[1])
            comparisons += compare("served", ("what was served", served), current, section)
        anomalies = tuple(read_anomalies(artifact_utils.get_single_instance(input_dict["anomalies"])))
        reasons = _reasons(section, anomalies, comparisons)
        blocked_by = tuple(dict.fromkeys(f"data.validation.{key}" for key, _ in reasons))
        check = DataCheck(previous=base, anomalies=anomalies, comparisons=tuple(comparisons), blocked_by=blocked_by)
        result = artifact_utils.get_single_instance(output_dict["data_check"])
        check.write(result.uri)
        result.set_int_custom_property("exceeded", len(check.exceeded))
        # A run that goes on has decided for its data; what was only looked at is none where it has drifted.
        is_baseline = not reasons and (ends_run or not any(one.kind == "drift" for one in check.exceeded))
        result.set_int_custom_property(BASELINE_PROPERTY, int(is_baseline))
        for one in check.exceeded:
            reporter().note(one.sentence)
        if reasons and ends_run:
            raise DataError(_blocked(blocked_by, [sentence for _, sentence in reasons]))


def read_statistics(artifact: Artifact, split: str) -> Statistics:
    """TFDV's statistics of a split."""
    with tf.io.gfile.GFile(f"{artifact_utils.get_split_uri([artifact], split)}/FeatureStats.pb", "rb") as file:
        found = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read())
    return found


def _title(statistics: Artifact, has_dates: bool) -> str | None:
    """What people call the span; None without one."""
    if not statistics.span:
        return None
    return f"span {date(1970, 1, 1) + timedelta(days=statistics.span) if has_dates else statistics.span}"


def _is_shown(action: str, ends_run: bool) -> bool:
    return action != "off" or not ends_run


def _reasons(
    section: ValidationSection, anomalies: tuple[str, ...], comparisons: list[Comparison]
) -> list[tuple[str, str]]:
    """The key of each rule that blocks, with what it found."""
    found = [("anomalies", sentence) for sentence in anomalies] if section.anomalies == "block" else []
    for one in comparisons:
        key = "skew" if one.kind == "skew" else "drift"
        if one.is_exceeded and getattr(section, key) == "block":
            found.append((key, one.sentence))
    return found


def _blocked(blocked_by: tuple[str, ...], sentences: list[str]) -> str:
    lines = "".join(f"\n  {sentence}" for sentence in sentences[:_NAMED])
    more = f"\n  and {len(sentences) - _NAMED} more" if len(sentences) > _NAMED else ""
    return (
        f"The data is not as it was or should be, and {' and '.join(blocked_by)} is set to block. Look at it with "
        f"darkroom data inspect; then raise the limit, correct the schema, or set it to warn.{lines}{more}"
    )
