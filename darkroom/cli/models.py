"""`darkroom models`: pushed models and their labels, and the networks that there are."""

from __future__ import annotations

import click

from darkroom.cli.models_labels import promote, rollback, unlabel
from darkroom.cli.models_prune import prune
from darkroom.cli.models_versions import list_versions, log, show
from darkroom.cli.models_zoo import zoo


@click.group("models")
def command() -> None:
    """Say which version of a pushed model answers, go back, and clear up."""


for _subcommand in (list_versions, show, promote, rollback, unlabel, prune, log, zoo):
    command.add_command(_subcommand)
