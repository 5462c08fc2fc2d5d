"""The executor of ImageExampleGen: one Beam pipeline from files to split examples and a quarantine."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import apache_beam as beam
import tensorflow as tf
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import Artifact, artifact_utils

from darkroom.errors import DataError
from darkroom.task import Task
from pipeline.features import EVAL_SPLIT, SPLITS, TEST_SPLIT, TRAIN_SPLIT
from pipeline.ingestion.class_tally import ClassTally
from pipeline.ingestion.dataset_facts import DatasetFacts
from pipeline.ingestion.labelled_image import Quarantined
from pipeline.ingestion.options import IngestionOptions
from pipeline.ingestion.quarantine import read_report, write_report
from pipeline.ingestion.reading import QUARANTINED, CheckedImage, ReadImage
from pipeline.ingestion.split_counts import ShardCount, classes_by_split, targets_by_split
from pipeline.ingestion.splits import MIN_IMAGES_TO_HOLD_OUT, assign, merge_corrections
from pipeline.ingestion.writing import SHARD_BYTES, WriteShards

_COUNTS_FILE = "counts.json"

# How many refused files an error message names; the report holds them all.
_NAMED_IN_ERRORS = 5


class ImageExecutor(base_beam_executor.BaseBeamExecutor):
    """Reads and checks every file once, splits by content, writes shards, puts bad files aside."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the Beam pipeline.

        Raises:
            DataError: the source cannot be read, does not hold at least two classes with a usable image each, or too
                few images to fill the three splits.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        options = IngestionOptions.model_validate_json(exec_properties["ingestion_options"])
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        quarantine = artifact_utils.get_single_instance(output_dict["quarantine"])
        source = options.source()
        labels = source.class_names()
        # So many shards that each is small enough to sort in memory.
        shards = max(1, -(-source.total_bytes(options.limits.max_bytes) // SHARD_BYTES))
        with self._make_beam_pipeline() as pipeline:
            _ingest(pipeline, options, shards, examples.uri, quarantine.uri)
        counted = _read_counts(examples.uri)
        refused = read_report(quarantine.uri)
        is_regression = options.task is Task.REGRESSION
        counts = {} if is_regression else classes_by_split(counted)
        facts = DatasetFacts(
            source=source.location,
            task=options.task,
            labels=tuple(labels),
            counts=counts,
            targets=targets_by_split(counted) if is_regression else {},
            quarantined=len(refused),
            notes=tuple(_notes(labels, counts)),
        )
        _require_enough(facts, refused)
        facts.write(examples.uri)
        quarantine.set_int_custom_property("count", len(refused))
        examples.split_names = artifact_utils.encode_split_names(list(SPLITS))
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(examples, "tfrecords_gzip")


def _ingest(
    pipeline: beam.Pipeline, options: IngestionOptions, shards: int, examples_uri: str, quarantine_uri: str
) -> None:
    source = options.source()
    read = (
        pipeline
        | "Parts" >> beam.Create(list(source.parts()))
        | "Images" >> beam.FlatMap(source.images)
        | "Spread" >> beam.Reshuffle()
        | "Read" >> beam.ParDo(ReadImage(options.limits)).with_outputs(QUARANTINED, main="images")
    )
    moved = (
        read.images
        | "LabelAndHash" >> beam.Map(_label_and_hash)
        | "TallyClass" >> beam.CombinePerKey(ClassTally(options.ratios))
        | "Corrections" >> beam.Values()
        | "AllCorrections" >> beam.CombineGlobally(merge_corrections)
    )
    written = (
        read.images
        | "Split" >> beam.Map(_with_split, options.ratios, beam.pvalue.AsSingleton(moved))
        | "Write" >> WriteShards(examples_uri, shards)
    )
    _ = written | "GatherCounts" >> beam.combiners.ToList() | "WriteCounts" >> beam.Map(_write_counts, uri=examples_uri)
    _ = (
        read[QUARANTINED]
        | "GatherQuarantine" >> beam.combiners.ToList()
        | "WriteQuarantine" >> beam.Map(lambda entries, uri: write_report(uri, entries), uri=quarantine_uri)
    )


def _label_and_hash(image: CheckedImage) -> tuple[int | None, str]:
    return image.label, image.sha256


def _with_split(image: CheckedImage, ratios: Any, moved: dict[str, str]) -> tuple[str, CheckedImage]:
    return assign(image.sha256, ratios, moved), image


def _write_counts(counts: list[ShardCount], uri: str) -> None:
    with tf.io.gfile.GFile(f"{uri}/{_COUNTS_FILE}", "w") as file:
        # In an order of their own, so that sums of floats come out the same each time.
        file.write(json.dumps(sorted((asdict(count) for count in counts), key=lambda count: list(count.values()))))


def _read_counts(uri: str) -> list[ShardCount]:
    """What the workers counted; the file is only their way to hand it over."""
    path = f"{uri}/{_COUNTS_FILE}"
    with tf.io.gfile.GFile(path) as file:
        counts = [ShardCount(**count) for count in json.load(file)]
    tf.io.gfile.remove(path)
    return counts


def _notes(labels: list[str], counts: dict[str, dict[str, int]]) -> list[str]:
    notes = []
    for label in labels:
        total = sum(counts[split].get(label, 0) for split in SPLITS)
        if total and not counts[TEST_SPLIT].get(label):
            images = "1 image" if total == 1 else f"{total} images"
            notes.append(
                f"Class {label!r} has only {images}, all used for training: it is not judged by the test split. "
                f"Add images until it has at least {MIN_IMAGES_TO_HOLD_OUT} different ones."
            )
    return notes


def _require_enough(facts: DatasetFacts, refused: list[Quarantined]) -> None:
    """Every class needs an image, and so does every split."""
    named = "".join(f"\n  {entry.file}: {entry.reason}: {entry.detail}" for entry in refused[:_NAMED_IN_ERRORS])
    if len(refused) > _NAMED_IN_ERRORS:
        named += f"\n  and {len(refused) - _NAMED_IN_ERRORS} more"
    aside = f" Put aside ({len(refused)}):{named}" if refused else ""
    usable = {label for counts in facts.counts.values() for label in counts}
    empty = [label for label in facts.labels if label not in usable]
    if empty:
        raise DataError(
            f"{facts.source}: no usable image of {', '.join(map(repr, empty))}. Every class needs at least one image "
            f"that can be decoded; add some, or leave the class out.{aside}"
        )
    if not all(facts.split_size(split) for split in (TRAIN_SPLIT, EVAL_SPLIT, TEST_SPLIT)):
        total = sum(facts.split_size(split) for split in SPLITS)
        need = (
            f"At least {MIN_IMAGES_TO_HOLD_OUT} different images are needed; a useful model needs dozens."
            if facts.task is Task.REGRESSION
            else f"At least one class needs {MIN_IMAGES_TO_HOLD_OUT} different images; a useful model needs dozens of "
            "each class."
        )
        raise DataError(
            f"{facts.source}: {total} usable images are too few to fill the splits train, eval and test. {need}{aside}"
        )
