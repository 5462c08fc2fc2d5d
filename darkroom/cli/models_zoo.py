"""`darkroom models zoo`: which networks there are."""

from __future__ import annotations

import json
import sys

import click
from rich.console import Console
from rich.table import Table

from darkroom.configuration.model_section import IMAGENET
from pipeline.models.zoo import ARCHITECTURES, SMALL_CNN, Architecture


@click.command("zoo")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def zoo(as_json: bool) -> None:
    """List every architecture: parameters below the head, input sizes, the pixels that pretrained weights want."""
    facts = [_facts(known) for known in ARCHITECTURES.values()]
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    table = Table(box=None, header_style="bold")
    table.add_column("architecture", no_wrap=True)
    table.add_column("parameters", justify="right", no_wrap=True)
    table.add_column("input size", justify="right", no_wrap=True)
    table.add_column("smallest", justify="right", no_wrap=True)
    table.add_column("pixel scaling", no_wrap=True)
    table.add_column("weights", no_wrap=True)
    for known, row in zip(ARCHITECTURES.values(), facts, strict=True):
        table.add_row(
            known.name,
            f"{known.parameters / 1e6:,.1f} M",
            "any" if known.name == SMALL_CNN else str(known.input_size),
            str(known.smallest_input),
            f"{row['scaling'] or 'any'}{' (scales inside)' if known.family.rescales_inside else ''}",
            "imagenet, file" if row["imagenet"] else "file",
        )
    # The list is the command's result: to standard output, also into a pipe, where it keeps its width.
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 100).print(table)


def _facts(known: Architecture) -> dict[str, object]:
    return {
        "architecture": known.name,
        "parameters": known.parameters,
        "input_size": known.input_size,
        "smallest_input": known.smallest_input,
        "scaling": known.family.scaling,
        "rescales_inside": known.family.rescales_inside,
        IMAGENET: known.family.keras,
    }
