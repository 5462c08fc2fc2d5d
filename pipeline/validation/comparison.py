"""How far two sets of images are apart, by TFDV's comparators."""

from __future__ import annotations

from typing import TypeAlias

import tensorflow_data_validation as tfdv
from pydantic import BaseModel, ConfigDict
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from darkroom.configuration.validation_section import ValidationSection
from pipeline import features

Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList

# What is compared: the name of its limits in the configuration, by feature.
COMPARED = {
    features.LABEL_TEXT: "label",
    features.TARGET: "target",
    features.FORMAT: "format",
    features.WIDTH: "width",
    features.HEIGHT: "height",
    features.ASPECT_RATIO: "aspect_ratio",
    features.CHANNELS: "channels",
    features.FILE_SIZE: "file_size",
    features.BRIGHTNESS: "brightness",
    features.CONTRAST: "contrast",
}

_MEASURES = {
    anomalies_pb2.DriftSkewInfo.Measurement.L_INFTY: "l_infinity",
    anomalies_pb2.DriftSkewInfo.Measurement.JENSEN_SHANNON_DIVERGENCE: "jensen_shannon",
}
_TITLES = {"l_infinity": "L-infinity distance", "jensen_shannon": "Jensen-Shannon divergence"}
_TYPES = {
    statistics_pb2.FeatureNameStatistics.INT: schema_pb2.INT,
    statistics_pb2.FeatureNameStatistics.FLOAT: schema_pb2.FLOAT,
    statistics_pb2.FeatureNameStatistics.STRING: schema_pb2.BYTES,
}


class Comparison(BaseModel):
    """One feature of two sets.

    Attributes:
        kind: `drift`, `skew` or `served`.
        base, current: what the sets are called.
        feature: a value of `COMPARED`.
        measure: `jensen_shannon` or `l_infinity`.
        value: from 0 to 1.
        limit: None where there is none.
        images: of the smaller set.
        is_exceeded: whether the value is above the limit and the sets are large enough to say so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    base: str
    current: str
    feature: str
    measure: str
    value: float
    limit: float | None
    images: int
    is_exceeded: bool

    @property
    def sentence(self) -> str:
        """For people."""
        limit = f", above {self.limit:g}" if self.is_exceeded else ""
        return (
            f"{self.kind}: {self.feature.replace('_', ' ')} of {self.current} against {self.base}: "
            f"{_TITLES[self.measure]} {self.value:.3g}{limit}"
        )


def compare(
    kind: str, base: tuple[str, Statistics], current: tuple[str, Statistics], section: ValidationSection
) -> list[Comparison]:
    """Every feature that both sets have.

    Numbers are compared by Jensen-Shannon divergence, as TFDV has no L-infinity distance for them; names by both.

    Args:
        kind: `drift`, `skew` or `served`.
        base: what was, with what it is called.
        current: what is.
        section: the limits.
    """
    schema = schema_pb2.Schema()
    shared = _types(base[1]).keys() & _types(current[1]).keys() & COMPARED.keys()
    for key in sorted(shared):
        kind_of_values = _types(current[1])[key]
        feature = schema.feature.add(name=key, type=kind_of_values)
        comparator = feature.skew_comparator
        # TFDV measures only where there is a threshold; 1 is never exceeded.
        comparator.jensen_shannon_divergence.threshold = _limit(section, "jensen_shannon", key, 1.0)
        if kind_of_values == schema_pb2.BYTES:
            comparator.infinity_norm.threshold = _limit(section, "l_infinity", key, 1.0)
    found = tfdv.validate_statistics(current[1], schema, serving_statistics=base[1])
    images = min(int(base[1].datasets[0].num_examples), int(current[1].datasets[0].num_examples))
    comparisons = []
    for info in found.drift_skew_info:
        name = COMPARED[info.path.step[0]]
        for measured in info.skew_measurements:
            measure = _MEASURES[measured.type]
            limit = getattr(getattr(section, measure), name)
            comparisons.append(
                Comparison(
                    kind=kind,
                    base=base[0],
                    current=current[0],
                    feature=name,
                    measure=measure,
                    value=float(measured.value),
                    limit=limit,
                    images=images,
                    is_exceeded=limit is not None and measured.value > limit and images >= section.min_images,
                )
            )
    order = list(COMPARED.values())
    return sorted(comparisons, key=lambda one: (order.index(one.feature), one.measure))


def _types(statistics: Statistics) -> dict[str, int]:
    return {
        feature.path.step[0] if feature.path.step else feature.name: _TYPES[feature.type]
        for feature in statistics.datasets[0].features
        if feature.type in _TYPES
    }


def _limit(section: ValidationSection, measure: str, key: str, without: float) -> float:
    limit = getattr(getattr(section, measure), COMPARED[key])
    return without if limit is None else float(limit)
