"""`darkroom data`: what becomes of images before they are trained on."""

from __future__ import annotations

import click

from darkroom.cli.data_export import export
from darkroom.cli.data_from_requests import from_requests
from darkroom.cli.data_inspect import inspect
from darkroom.cli.data_quarantine import quarantine
from darkroom.cli.data_schema import schema
from darkroom.cli.data_spans import spans
from darkroom.cli.data_stats import stats


@click.group("data")
def command() -> None:
    """Look at images and prepare them."""


for subcommand in (inspect, stats, quarantine, spans, schema, export, from_requests):
    command.add_command(subcommand)
