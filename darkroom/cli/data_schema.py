"""`darkroom data schema`: a first schema, for people to curate."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from darkroom.cli.data_run import with_report
from darkroom.cli.output import Streams
from darkroom.configuration import load_configuration
from darkroom.configuration.load import DEFAULT_FILE
from darkroom.errors import ConfigurationError, DarkroomError

if TYPE_CHECKING:
    from darkroom.configuration import DarkroomConfig
    from pipeline.statistics.data_report import DataReport

_DEFAULT_NAME = "schema.pbtxt"


@click.command("schema")
@click.option("-c", "--config", "config_path", default=DEFAULT_FILE, show_default=True, help="The configuration file.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key: data.images=x.")
@click.option(
    "--update",
    "existing",
    flag_value="update",
    help="Widen the schema that is there, as TFDV does it, until this data fits.",
)
@click.option("--overwrite", "existing", flag_value="overwrite", help="Write a new one over the one that is there.")
@click.option("-v", "--verbose", is_flag=True, help="Show what TensorFlow, TFX and Beam say.")
def schema(
    config_path: str, overrides: tuple[str, ...], existing: Literal["update", "overwrite"] | None, verbose: bool
) -> None:
    """Infer a schema from the data and write it where data.validation.schema_file says, to be curated by hand.

    A schema that is there stays: what would be another line in it is shown, and the exit code is 2. See --update.
    """
    config = load_configuration(config_path, overrides)
    named = config.data.validation.schema_file
    path = Path(config.resolve(named or _DEFAULT_NAME))
    if "://" in (named or ""):
        raise ConfigurationError(
            f"data.validation.schema_file: {named} is not on this machine; write the schema to a file here with "
            "--set data.validation.schema_file=schema.pbtxt, and take it there"
        )

    def action(_: DarkroomConfig, report: DataReport, streams: Streams) -> None:
        before = path.read_text(encoding="utf-8") if path.exists() else None
        text = _text(report, before if existing == "update" else None, path)
        if before is not None and existing is None and before != text:
            _show_difference(before, text, path, streams)
            raise ConfigurationError(
                f"{path} is there already and stays as it is. Edit it by hand, or see darkroom data schema --update "
                "and --overwrite."
            )
        if before == text:
            streams.console.print(f"{path} is right for this data already", markup=False, soft_wrap=True)
            return
        if before is not None:
            _show_difference(before, text, path, streams)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise DarkroomError(f"{path}: cannot be written ({error.strerror})") from error
        streams.console.print(f"schema: {path}", markup=False, soft_wrap=True)
        if named is None:
            streams.console.print(
                f"! set data.validation.schema_file: {_DEFAULT_NAME}, so that runs hold their data to it",
                markup=False,
                soft_wrap=True,
            )

    # The schema that is there must not stand in the way of the data that does not fit.
    with_report(config_path, (*overrides, "data.validation.schema_file=null"), verbose, action)


def _text(report: DataReport, before: str | None, path: Path) -> str:
    import tensorflow_data_validation as tfdv  # noqa: PLC0415 - seconds
    from google.protobuf import text_format  # noqa: PLC0415 - with it

    from pipeline.validation.curated_schema import parse_schema, readable_schema  # noqa: PLC0415 - with it

    if before is not None:
        found = parse_schema(before, str(path))
        for statistics in report.statistics.values():
            found = tfdv.update_schema(found, statistics)
    else:
        first, *others = report.statistics.values()
        found = tfdv.infer_schema(first)
        for statistics in others:
            found = tfdv.update_schema(found, statistics)
        found = readable_schema(found, report.facts.labels)
    text: str = text_format.MessageToString(found)
    return text


def _show_difference(before: str, after: str, path: Path, streams: Streams) -> None:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), str(path), "this data", lineterm="", n=2)
    for line in lines:
        streams.console.print(line, markup=False, highlight=False, soft_wrap=True)
