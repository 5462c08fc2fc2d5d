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
from pipeline.validation.data_check import DataCheck
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

        Raises:
            DataError: `data.validation` blocks anomalies, drift or skew, and there are some.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        section = ValidationSection.model_validate_json(exec_properties["section"])
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        previous = next(iter(input_dict.get("previous") or ()), None)
        has_dates = bool(exec_properties["has_dates"])
        current = _title(statistics, has_dates) or "this data", read_statistics(statistics, TRAIN_SPLIT)
        comparisons: list[Comparison] = []
        base = None
        if section.drift != "off" and previous is not None:
            base = _title(previous, has_dates) or "the data before"
            comparisons += compare("drift", (base, read_statistics(previous, TRAIN_SPLIT)), current, section)
        if section.skew != "off":
            for split in (EVAL_SPLIT, TEST_SPLIT):
                other = f"the {split} split", read_statistics(statistics, split)
                comparisons += compare("skew", ("the train split", current[1]), other, section)
        if section.drift != "off" and exec_properties["served"]:
            served = served_statistics(read_population(exec_properties["served"]), current[1])
            comparisons += compare("served", ("what was served", served), current, section)
        anomalies = tuple(read_anomalies(artifact_utils.get_single_instance(input_dict["anomalies"])))
        reasons = _reasons(section, anomalies, comparisons)
        check = DataCheck(previous=base, anomalies=anomalies, comparisons=tuple(comparisons), is_blocked=bool(reasons))
        result = artifact_utils.get_single_instance(output_dict["data_check"])
        check.write(result.uri)
        result.set_int_custom_property("exceeded", len(check.exceeded))
        for one in check.exceeded:
            reporter().note(one.sentence)
        if reasons:
            raise DataError(_blocked(reasons))


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


def _blocked(reasons: list[tuple[str, str]]) -> str:
    keys = " and ".join(f"data.validation.{key}" for key in dict.fromkeys(key for key, _ in reasons))
    lines = "".join(f"\n  {sentence}" for _, sentence in reasons[:_NAMED])
    more = f"\n  and {len(reasons) - _NAMED} more" if len(reasons) > _NAMED else ""
    return (
        f"The data is not as it was or should be, and {keys} is set to block. Look at it with darkroom data inspect; "
        f"then raise the limit, correct the schema, or set it to warn.{lines}{more}"
    )
