"""`darkroom models list | show | log`: what was pushed, and what was done with it."""

from __future__ import annotations

import dataclasses
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from darkroom.cli.models_target import find_target, with_target

if TYPE_CHECKING:
    from serving.model_repository.repository import ModelVersionFacts

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

# The measures that a line of the list has room for.
_SHOWN_METRICS = {"accuracy": "accuracy", "mae": "MAE"}

# Versions are seconds since 1970 unless clocks went wrong; these are the years that look like a time of a push.
_FIRST_TIME, _LAST_TIME = 1_500_000_000, 4_000_000_000


@click.command("list")
@with_target(tells_servers=False)
@_JSON
def list_versions(as_json: bool, **where: Any) -> None:
    """List the versions of the model, newest first, with their labels."""
    versions = find_target(**where).versions
    loaded = versions.loaded()
    facts = [versions.facts(version) for version in reversed(versions.versions())]
    if as_json:
        rows = [_summary(fact, loaded) for fact in facts]
        click.echo(json.dumps({"model": versions.model, "versions": rows}, indent=2))
        return
    if not facts:
        click.echo(f"{versions.model} has no pushed version yet.", err=True)
        return
    table = Table(box=None, header_style="bold")
    for name in ("version", "pushed", "labels", "loaded", "measured", "preprocessing", "size"):
        table.add_column(name, no_wrap=True, justify="right" if name == "size" else "left")
    for fact in facts:
        row = _summary(fact, loaded)
        table.add_row(
            str(fact.version),
            row["pushed"] or "",
            ", ".join(fact.labels),
            "yes" if row["loaded"] else "",
            _measured(row["evaluation"]),
            escape(row["preprocessing"] or ""),
            f"{fact.size_bytes / 1e6:,.1f} MB",
        )
    # The list is the command's result: to standard output, also into a pipe, where it keeps its width.
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160).print(table)


@click.command("show")
@click.argument("version", type=click.IntRange(1))
@with_target(tells_servers=False)
@_JSON
def show(version: int, as_json: bool, **where: Any) -> None:
    """Show what is known of VERSION: what it was made of, what was measured, and what was done with it."""
    versions = find_target(**where).versions
    fact = versions.facts(version)
    history = [
        record.model_dump(mode="json", by_alias=True, exclude_none=True)
        for record in versions.history()
        if version in (record.before, record.after)
    ]
    document = {**_summary(fact, versions.loaded()), "description": fact.description, "log": history}
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    description = fact.description or {}
    training, data = description.get("training", {}), description.get("data", {})
    rows = {
        "version": str(version),
        "pushed": document["pushed"] or "",
        "labels": ", ".join(fact.labels) or "none",
        "loaded": "yes" if document["loaded"] else "no",
        "size": f"{fact.size_bytes / 1e6:,.1f} MB",
        "task": description.get("task", "unknown: Darkroom did not export it"),
        "classes": ", ".join(description.get("labels") or ()),
        "architecture": str(training.get("architecture", "")),
        "parameters": f"{training.get('parameters', 0):,}",
        "images": "  ".join(f"{split} {count:,}" for split, count in data.get("images", {}).items()),
        "preprocessing": document["preprocessing"] or "",
        **{name: f"{value:.4f}" for name, value in (document["evaluation"] or {}).items()},
        "exported": str(description.get("created", "")),
    }
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in rows.items():
        if value:
            table.add_row(name, escape(value))
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160)
    console.print(table)
    for record in history:
        console.print(escape(_line(record)), highlight=False, soft_wrap=True)


@click.command("log")
@with_target(tells_servers=False)
@_JSON
def log(as_json: bool, **where: Any) -> None:
    """Print who changed what, when and why, oldest first; with --json as JSON Lines."""
    for record in find_target(**where).versions.history():
        document = record.model_dump(mode="json", by_alias=True, exclude_none=True)
        click.echo(json.dumps(document, ensure_ascii=False) if as_json else _line(document))


def _summary(fact: ModelVersionFacts, loaded: set[int]) -> dict[str, Any]:
    description = fact.description or {}
    seconds = fact.version if _FIRST_TIME < fact.version < _LAST_TIME else None
    return {
        **{key: value for key, value in dataclasses.asdict(fact).items() if key != "description"},
        "pushed": datetime.fromtimestamp(seconds, UTC).isoformat() if seconds is not None else None,
        "loaded": fact.version in loaded,
        "evaluation": description.get("evaluation"),
        "preprocessing": description.get("preprocessing", {}).get("version"),
    }


def _measured(evaluation: dict[str, float] | None) -> str:
    found = evaluation or {}
    return "  ".join(f"{shown} {found[name]:.4f}" for name, shown in _SHOWN_METRICS.items() if name in found)


def _line(record: dict[str, Any]) -> str:
    what = {
        "push": f"pushed {record.get('to')}",
        "prune": f"deleted {record.get('from')}",
    }.get(record["action"], f"{record['action']}: {record.get('label')} {record.get('from')} -> {record.get('to')}")
    outcome = (
        ""
        if record["outcome"] == "done"
        else f" [{record['outcome']}{': ' + record['error'] if 'error' in record else ''}]"
    )
    why = f" ({record['why']})" if record.get("why") else ""
    return f"{record['time']}  {record['who']}  {what}{why}{outcome}"
