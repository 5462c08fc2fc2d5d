"""What the pipeline hands to a training: examples, their facts and the preprocessing's statistics."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow_transform as tft

from pipeline.features import EVAL_SPLIT, TRAIN_SPLIT
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.statistics.channel_statistics import read_channel_statistics
from pipeline.training.label_feature import label_feature
from pipeline.training.split_files import SplitFiles
from preprocessing.graph import PreprocessingGraph
from preprocessing.spec import PreprocessingSpec


@dataclass(frozen=True, slots=True)
class TrainingInputs:
    """What is trained on.

    Attributes:
        facts: of the data set: labels and counts.
        train, evaluation: the splits.
        graph: the run's preprocessing.
    """

    facts: DatasetFacts
    train: SplitFiles
    evaluation: SplitFiles
    graph: PreprocessingGraph

    @classmethod
    def read(cls, arguments: Mapping[str, Any], spec: PreprocessingSpec) -> TrainingInputs:
        """Reads them from where TFX put them.

        Args:
            arguments: `train_files`, `eval_files` and `transform_output` of TFX's FnArgs.
            spec: of the preprocessing.
        """
        facts = DatasetFacts.read(_examples_uri(arguments["train_files"][0]))
        label = label_feature(facts.task)
        train = SplitFiles(tuple(arguments["train_files"]), facts.split_size(TRAIN_SPLIT), label)
        evaluation = SplitFiles(tuple(arguments["eval_files"]), facts.split_size(EVAL_SPLIT), label)
        sample = next(iter(train.records().take(1))).numpy()
        transformed = tft.TFTransformOutput(arguments["transform_output"])
        statistics = read_channel_statistics(transformed, spec, sample)
        return cls(facts, train, evaluation, PreprocessingGraph(spec, statistics))


def _examples_uri(train_pattern: str) -> str:
    """`<uri>/Split-train/*` to `<uri>`."""
    return os.path.dirname(os.path.dirname(train_pattern))
