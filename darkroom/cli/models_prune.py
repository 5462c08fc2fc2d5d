"""`darkroom models prune`: old versions are deleted."""

from __future__ import annotations

import json
from typing import Any

import click

from darkroom.cli.models_target import find_target, with_target


@click.command("prune")
@click.option("--keep", type=click.IntRange(1), required=True, help="How many of the newest versions stay.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@with_target(tells_servers=True)
@click.option("--why", default=None, help="The reason, for the log.")
@click.option("--json", "as_json", is_flag=True, help="Print what was deleted as JSON on standard output.")
def prune(keep: int, dry_run: bool, why: str | None, as_json: bool, **where: Any) -> None:
    """Delete old versions, but none that has a label, is served, or is named in the configuration."""
    target = find_target(**where)
    gone = target.versions.prune(keep, used=target.used, why=why, dry_run=dry_run)
    left = [version for version in target.versions.versions() if version not in gone]
    verb = "would delete" if dry_run else "deleted"
    click.echo(
        f"{target.versions.model}: {verb} {', '.join(map(str, gone)) or 'nothing'}; {len(left)} versions stay.",
        err=True,
    )
    if as_json:
        click.echo(json.dumps({"model": target.versions.model, "deleted": gone, "kept": left}, indent=2))
