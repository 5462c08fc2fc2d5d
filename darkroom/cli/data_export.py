"""`darkroom data export`: the images of a configuration, split, as a job folder of samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from darkroom.cli.data_run import data_options, with_report
from darkroom.cli.output import Streams
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from darkroom.configuration import DarkroomConfig
    from pipeline.statistics.data_report import DataReport


@click.command("export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@data_options
def export(folder: Path, config_path: str, overrides: tuple[str, ...], as_json: bool, verbose: bool) -> None:
    """Write the checked and split images as a job folder.

    FOLDER, which is new or empty, gets class_mapping.json, train_samples.json, val_samples.json, test_samples.json and
    images/. `data.samples` reads it.
    """

    def action(config: DarkroomConfig, report: DataReport, streams: Streams) -> None:
        del config
        from pipeline.ingestion.export import export_samples  # noqa: PLC0415

        try:
            counts = export_samples(report.examples_uri, folder)
        except OSError as error:
            raise DarkroomError(f"{folder}: cannot be written ({error})") from error
        named = ", ".join(f"{split} {count}" for split, count in counts.items())
        streams.console.print(f"{folder}: {named}", markup=False)
        if as_json:
            streams.stdout.write(json.dumps({"folder": str(folder), "samples": counts}) + "\n")

    with_report(config_path, overrides, verbose, action)
