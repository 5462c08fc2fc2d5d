"""The executor of ImageExampleGen: from a source's images to split examples and a quarantine.

Two Beam pipelines with a decision between them: the first opens each image once and stages it, the second writes
shards. Between them all images are known, by rows of a fixed size, and each gets its split.
"""

from __future__ import annotations

import json
from contextlib import closing
from itertools import chain
from typing import Any

import apache_beam as beam
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import Artifact, artifact_utils

from pipeline.features import SPLITS
from pipeline.ingestion import storage
from pipeline.ingestion.ledger import Ledger, ledger_path
from pipeline.ingestion.options import IngestionOptions
from pipeline.ingestion.quarantine import image_name, torn_example, write_quarantine
from pipeline.ingestion.set_description import describe, require_few_refused, require_images
from pipeline.ingestion.splitting import split_rows
from pipeline.ingestion.staging import StagedRecords, read_rows
from pipeline.ingestion.staging_images import IMAGES, REFUSED, StageImages
from pipeline.ingestion.staging_progress import staging_progress
from pipeline.ingestion.writing import WriteShards, shards_of

# Of the Examples artifact: the names of the spans that were taken, the oldest first, with commas between.
SPANS_PROPERTY = "spans"
# The same with the version of each, where spans have versions: `7 version 2`.
SPAN_VERSIONS_PROPERTY = "span_versions"

_MANIFEST = "manifest.json"


class ImageExecutor(base_beam_executor.BaseBeamExecutor):
    """Reads and checks every image once, splits by content, writes shards, puts bad images aside."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the Beam pipelines.

        Raises:
            DataError: the source cannot be read, does not hold at least two classes with a usable image each, or too
                few images to fill the three splits, or more than `max_quarantined` were put aside.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        options = IngestionOptions.model_validate_json(exec_properties["ingestion_options"]).resolved()
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        quarantine = artifact_utils.get_single_instance(output_dict["quarantine"])
        staging = f"{examples.uri.rstrip('/')}/staging"
        try:
            self._ingest(options, staging, examples, quarantine)
        finally:
            storage.remove_folder(staging)
        if options.spans:
            # Statistics and anomalies get it from here; TFX's driver sets a custom property alone.
            examples.span = options.spans[-1].number
            examples.set_string_custom_property(SPANS_PROPERTY, ",".join(span.name for span in options.spans))
            if any(span.version is not None for span in options.spans):
                examples.set_string_custom_property(SPAN_VERSIONS_PROPERTY, ",".join(map(str, options.spans)))
        examples.split_names = artifact_utils.encode_split_names(list(SPLITS))
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(examples, "tfrecords_gzip")

    def _ingest(self, options: IngestionOptions, staging: str, examples: Artifact, quarantine: Artifact) -> None:
        source = options.source()
        labels = source.class_names()
        stems = self._stage(options, labels, staging)
        rows = read_rows(stems[IMAGES])
        ledgers = _ledger_files(options, examples.uri)
        ledger = Ledger.read(ledgers[0])
        splitting = split_rows(rows, options, ledger)
        with closing(StagedRecords(stems[IMAGES])) as images, closing(StagedRecords(stems[REFUSED])) as others:
            refused = write_quarantine(
                quarantine.uri,
                chain(
                    map(others.of, read_rows(stems[REFUSED])),
                    (torn_example(images.of(rows[number])) for number in splitting.torn),
                ),
            )
            conflicts = [[image_name(images.of(rows[n])) for n in members] for members in splitting.conflicts]
        quarantine.set_int_custom_property("count", len(refused))
        require_few_refused(source.location, len(rows) - len(splitting.torn), refused, options.max_quarantined)
        facts = describe(
            source.location, options, labels, rows, splitting, quarantined=len(refused), conflicts=conflicts
        )
        require_images(facts, refused)
        with self._make_beam_pipeline() as pipeline:
            shards = list(shards_of(rows, splitting.splits))
            _ = pipeline | beam.Create(shards, reshuffle=False) | WriteShards(examples.uri, stems[IMAGES])
        facts.write(examples.uri)
        for path in ledgers:
            ledger.with_new(rows, splitting.splits).write(path)

    def _stage(self, options: IngestionOptions, labels: list[str], staging: str) -> dict[str, tuple[str, ...]]:
        """Opens every image; returns the stems of the staged files by kind."""
        source = options.source()
        storage.make_folder(staging)
        total = None if source.carries_bytes else sum(1 for part in source.parts() for _ in source.images(part, labels))
        with staging_progress(staging, total), self._make_beam_pipeline() as pipeline:
            # What is spread over the workers waits in memory or in a shuffle: never the images' bytes.
            spread = "SpreadParts" >> beam.Reshuffle(), "Images" >> beam.FlatMap(source.images, labels)
            if not source.carries_bytes:
                spread = spread[1], "SpreadImages" >> beam.Reshuffle()
            staged = (
                pipeline
                | "Parts" >> beam.Create(list(source.parts()))
                | spread[0]
                | spread[1]
                | "Stage" >> beam.ParDo(StageImages(staging, options.limits))
                | "Gather" >> beam.combiners.ToList()
            )
            # The file is only the workers' way to hand the names over.
            _ = staged | "Manifest" >> beam.Map(_write_manifest, f"{staging}/{_MANIFEST}")
        named = json.loads(storage.read_bytes(f"{staging}/{_MANIFEST}"))
        return {kind: tuple(sorted(stem for key, stem in named if key == kind)) for kind in (IMAGES, REFUSED)}


def _write_manifest(named: list[tuple[str, str]], path: str) -> None:
    storage.write_whole(path, json.dumps(named).encode())


def _ledger_files(options: IngestionOptions, examples_uri: str) -> list[str]:
    """The ledger that is remembered, if any, and a copy of it as it was for these examples."""
    copy = f"{examples_uri.rstrip('/')}/splits.npz"
    return [ledger_path(options.ledgers, options.way_of_splitting()), copy] if options.ledgers else [copy]
