"""`darkroom data quarantine`: what a run would put aside, and why."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from darkroom.cli.data_run import data_options, with_report
from darkroom.cli.output import Streams

if TYPE_CHECKING:
    from darkroom.configuration import DarkroomConfig
    from pipeline.statistics.data_report import DataReport


@click.command("quarantine")
@data_options
def quarantine(config_path: str, overrides: tuple[str, ...], as_json: bool, verbose: bool) -> None:
    """List the images that are put aside, with reasons; --json prints a JSON object for each."""

    def action(config: DarkroomConfig, report: DataReport, streams: Streams) -> None:
        del config
        for entry in report.quarantined:
            if as_json:
                streams.stdout.write(json.dumps(asdict(entry)) + "\n")
            else:
                # A file's name may have anything in it.
                text = f"{entry.file!r}: {entry.reason}: {entry.detail}".encode(errors="backslashreplace").decode()
                streams.console.print(text, markup=False, soft_wrap=True)
        total = sum(report.facts.split_size(split) for split in ("train", "eval", "test"))
        reasons = Counter(entry.reason for entry in report.quarantined).most_common()
        named = "".join(f", {reason} {count}" for reason, count in reasons)
        streams.console.print(f"{len(report.quarantined)} put aside, {total} usable{named}", markup=False)

    with_report(config_path, overrides, verbose, action)
