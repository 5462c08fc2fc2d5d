"""`darkroom config`: check a file, or print the schema and the reference."""

from __future__ import annotations

import json

import click

from darkroom.configuration import DarkroomConfig, load_configuration
from darkroom.configuration.load import DEFAULT_FILE
from darkroom.configuration.reference import reference_markdown


@click.group("config")
def command() -> None:
    """Check a configuration, or print its schema and reference."""


@command.command("check")
@click.option("-c", "--config", "config_path", default=DEFAULT_FILE, show_default=True, help="The configuration file.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key: training.epochs=5.")
def check(config_path: str, overrides: tuple[str, ...]) -> None:
    """Read a configuration file and print it with every default filled in, as JSON."""
    config = load_configuration(config_path, overrides)
    click.echo(config.model_dump_json(indent=2))


@command.command("schema")
def schema() -> None:
    """Print the JSON schema, for editors."""
    click.echo(json.dumps(DarkroomConfig.model_json_schema(), indent=2))


@command.command("reference")
def reference() -> None:
    """Print the reference of every key, as Markdown."""
    click.echo(reference_markdown(), nl=False)
