"""`darkroom data`: what becomes of images before they are trained on."""

from __future__ import annotations

import click

from darkroom.cli.data_from_requests import from_requests


@click.group("data")
def command() -> None:
    """Look at images and prepare them."""


command.add_command(from_requests)
