"""`darkroom models promote | rollback | unlabel`: which version answers."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from darkroom.cli.models_target import find_target, with_target
from darkroom.errors import ConfigurationError

if TYPE_CHECKING:
    from serving.model_repository.repository import Change, ModelVersions

_NEWEST = "latest"

_WHY = click.option("--why", default=None, help="The reason, for the log.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print what changed as JSON on standard output.")


@click.command("promote")
@click.argument("version")
@click.option(
    "--label",
    type=click.Choice(["stable", "canary"]),
    default="stable",
    show_default=True,
    help="What the version becomes.",
)
@with_target(tells_servers=True)
@_WHY
@_JSON
def promote(version: str, label: str, why: str | None, as_json: bool, **where: Any) -> None:
    """Let VERSION (a number, or 'latest') be the stable one, or the canary.

    From the first promotion on, what is pushed does not answer until it is promoted too.
    """
    target = find_target(**where)
    if version != _NEWEST and not (version.isascii() and version.isdecimal()):
        raise ConfigurationError(f"{version!r} is neither a version number nor {_NEWEST!r}")
    number = None if version == _NEWEST else int(version)
    _change(
        target.versions,
        lambda versions: versions.promote(number, label, why=why, keep_previous=target.keep_previous),
        as_json,
    )


@click.command("rollback")
@with_target(tells_servers=True)
@_WHY
@_JSON
def rollback(why: str | None, as_json: bool, **where: Any) -> None:
    """Let the version that was stable before be stable again."""
    _change(find_target(**where).versions, lambda versions: versions.rollback(why=why), as_json)


@click.command("unlabel")
@click.argument("label", type=click.Choice(["stable", "canary", "previous"]))
@with_target(tells_servers=True)
@_WHY
@_JSON
def unlabel(label: str, why: str | None, as_json: bool, **where: Any) -> None:
    """Take a label away; without 'stable' the newest version answers."""
    _change(find_target(**where).versions, lambda versions: versions.unlabel(label, why=why), as_json)


def _change(versions: ModelVersions, change: Callable[[ModelVersions], Change], as_json: bool) -> None:
    done = change(versions)
    moved = f"version {done.after}" if done.after is not None else "no version"
    before = f", before it was {done.before}" if done.before not in (None, done.after) else ""
    told = f"told {', '.join(done.told)}" if done.told else "no model server was told; those that look at it follow"
    click.echo(f"{versions.model}: {done.label} is {moved}{before}; {told}.", err=True)
    if as_json:
        click.echo(json.dumps({"model": versions.model, **dataclasses.asdict(done)}, indent=2))
