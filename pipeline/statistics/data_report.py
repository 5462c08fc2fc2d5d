"""What is known of a set of examples, gathered from the artifacts of ingestion and TFDV."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.types import Artifact, artifact_utils

from pipeline import features
from pipeline.features import SPLITS
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.ingestion.labelled_image import Quarantined
from pipeline.ingestion.quarantine import read_report
from pipeline.validation.data_check import DataCheck

# What people ask of images, by feature.
MEASURES = {
    features.WIDTH: "width, pixels",
    features.HEIGHT: "height, pixels",
    features.ASPECT_RATIO: "width / height",
    features.CHANNELS: "channels",
    features.FILE_SIZE: "file size, bytes",
    features.BRIGHTNESS: "brightness, 0 to 255",
    features.CONTRAST: "contrast, levels",
    features.TARGET: "target",
}


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of all images of a split.

    Attributes:
        count: how many images have it.
        mean, deviation, minimum, median, maximum: of its values.
        histogram: `(low, high, images)` of equal width.
    """

    count: int
    mean: float
    deviation: float
    minimum: float
    median: float
    maximum: float
    histogram: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class DataReport:
    """A set of examples.

    Attributes:
        facts: labels and counts.
        quarantined: what was put aside.
        anomalies: what TFDV's validator found, one sentence each.
        check: how it compares with the data before, between splits, with what was served.
        measures: by feature key and split.
        formats: images by format and split.
        examples_uri: of the Examples artifact.
        statistics: TFDV's own, by split.
    """

    facts: DatasetFacts
    quarantined: tuple[Quarantined, ...]
    anomalies: tuple[str, ...]
    check: DataCheck
    measures: dict[str, dict[str, Measure]]
    formats: dict[str, dict[str, int]]
    examples_uri: str
    statistics: dict[str, statistics_pb2.DatasetFeatureStatisticsList]


def data_report(artifacts: Mapping[str, Artifact]) -> DataReport:
    """Gathers a report.

    Args:
        artifacts: `examples`, `quarantine`, `statistics` and `data_check`.
    """
    statistics = {
        split: statistics_pb2.DatasetFeatureStatisticsList.FromString(
            _read(artifacts["statistics"], split, "FeatureStats.pb")
        )
        for split in SPLITS
    }
    measures: dict[str, dict[str, Measure]] = {}
    formats: dict[str, dict[str, int]] = {}
    for split, found in statistics.items():
        for feature in found.datasets[0].features:
            key = feature.path.step[0] if feature.path.step else feature.name
            if key in MEASURES:
                measures.setdefault(key, {})[split] = _measure(feature.num_stats)
            elif key == features.FORMAT:
                buckets = feature.string_stats.rank_histogram.buckets
                formats[split] = {bucket.label: int(bucket.sample_count) for bucket in buckets}
    check = DataCheck.read(artifacts["data_check"].uri)
    return DataReport(
        facts=DatasetFacts.read(artifacts["examples"].uri),
        quarantined=tuple(read_report(artifacts["quarantine"].uri)),
        anomalies=check.anomalies,
        check=check,
        measures={key: measures[key] for key in MEASURES if key in measures},
        formats=formats,
        examples_uri=artifacts["examples"].uri,
        statistics=statistics,
    )


def _measure(stats: statistics_pb2.NumericStatistics) -> Measure:
    standard = next((h for h in stats.histograms if h.type == statistics_pb2.Histogram.STANDARD), None)
    buckets = standard.buckets if standard else ()
    return Measure(
        count=int(stats.common_stats.num_non_missing),
        mean=stats.mean,
        deviation=stats.std_dev,
        minimum=stats.min,
        median=stats.median,
        maximum=stats.max,
        histogram=tuple((bucket.low_value, bucket.high_value, bucket.sample_count) for bucket in buckets),
    )


def _read(artifact: Artifact, split: str, file: str) -> bytes:
    with tf.io.gfile.GFile(f"{artifact_utils.get_split_uri([artifact], split)}/{file}", "rb") as opened:
        content: bytes = opened.read()
        return content
