"""What was served, as TFDV's statistics, so that the same comparators see it."""

from __future__ import annotations

import json
import math
from itertools import pairwise

from tensorflow_metadata.proto.v0 import statistics_pb2

from darkroom.errors import DataError
from pipeline import features
from pipeline.artifact_files import read_text
from pipeline.validation.comparison import Statistics
from preprocessing.population import Population
from preprocessing.population.histogram import Histogram

# What the request log measures, by the feature that means the same.
_NUMERIC = {
    features.ASPECT_RATIO: "aspect_ratio",
    features.FILE_SIZE: "encoded_bytes",
    features.BRIGHTNESS: "brightness",
}
_CATEGORICAL = {features.FORMAT: "format", features.LABEL_TEXT: "predicted_class"}


def served_text(path: str) -> str:
    """The `statistics.json` that `darkroom data from-requests` wrote.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"{path}: cannot be read ({reason}). data.validation.served names the statistics.json that darkroom data "
            "from-requests writes."
        ) from error


def read_population(path: str) -> Population:
    """What the file says of the images that were served.

    Raises:
        DataError: it cannot be read, or is something else.
    """
    text = served_text(path)
    try:
        document = json.loads(text)
        # A fair sample of the traffic, where there is one.
        keys = (key for key in ("sampled", "everything") if isinstance(document, dict) and document.get(key))
        return Population.from_json(document[next(keys, "")])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: is no statistics.json of darkroom data from-requests ({error}).") from error


def served_statistics(population: Population, like: Statistics) -> Statistics:
    """A population in TFDV's form.

    Args:
        population: what was served.
        like: the statistics that it will be compared with: its numbers get the same buckets. TFDV takes what is in a
            bucket for evenly spread, so a fine histogram beside a coarse one would look different where it is not.
    """
    found = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = found.datasets.add(num_examples=population.images)
    for feature in like.datasets[0].features:
        key = feature.path.step[0] if feature.path.step else feature.name
        if key in _NUMERIC and (histogram := population.numeric[_NUMERIC[key]]).total:
            made = dataset.features.add(type=feature.type)
            made.path.step.append(key)
            _count(made.num_stats.common_stats, histogram.total)
            _add_histogram(made.num_stats, histogram, _edges(feature.num_stats))
        elif key in _CATEGORICAL and (counts := population.categorical[_CATEGORICAL[key]]):
            made = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.STRING)
            made.path.step.append(key)
            _count(made.string_stats.common_stats, sum(counts.values()))
            made.string_stats.unique = len(counts)
            for name, count in counts.most_common():
                made.string_stats.rank_histogram.buckets.add(label=name, sample_count=count)
    return found


def _count(common: statistics_pb2.CommonStatistics, count: int) -> None:
    common.num_non_missing = common.tot_num_values = count
    common.min_num_values = common.max_num_values = 1
    common.avg_num_values = 1


def _edges(stats: statistics_pb2.NumericStatistics) -> list[float]:
    standard = next(h for h in stats.histograms if h.type == statistics_pb2.Histogram.STANDARD)
    return [*(bucket.low_value for bucket in standard.buckets), standard.buckets[-1].high_value]


def _add_histogram(stats: statistics_pb2.NumericStatistics, histogram: Histogram, edges: list[float]) -> None:
    """Shares each bin out over the buckets that it overlaps; what lies beyond them gets buckets of its own."""
    bounds = _bounds(histogram)
    stats.min, stats.max = min(edges[0], bounds[0]), max(edges[-1], bounds[-1])
    if edges[0] == edges[-1]:
        # Training images that are all alike have one bucket without width, which takes the bin that it lies in.
        cuts = [stats.min, edges[0], edges[0], stats.max]
    else:
        cuts = sorted({stats.min, *edges, stats.max})
    counts = [0.0] * (len(cuts) - 1)
    for start, end, count in zip(bounds, bounds[1:], histogram.counts, strict=False):
        if edges[0] == edges[-1] and start <= edges[0] < end:
            counts[1] += count
        elif count:
            for bucket, (low, high) in enumerate(pairwise(cuts)):
                counts[bucket] += count * max(min(end, high) - max(start, low), 0) / (end - start)
    target = stats.histograms.add(type=statistics_pb2.Histogram.STANDARD)
    for (low, high), share in zip(pairwise(cuts), counts, strict=True):
        if share or low < high:
            target.buckets.add(low_value=low, high_value=high, sample_count=share)


def _bounds(histogram: Histogram) -> list[float]:
    """The edges of the bins, `[bins + 1]`."""
    binning = histogram.binning
    steps = [place / binning.bins for place in range(binning.bins + 1)]
    if binning.scale == "log2":
        return [binning.low * math.pow(binning.high / binning.low, step) for step in steps]
    return [binning.low + (binning.high - binning.low) * step for step in steps]
