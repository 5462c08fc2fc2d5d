"""`darkroom lineage`: what made a version."""

from __future__ import annotations

import json

import click
import yaml

from darkroom.configuration import load_configuration
from darkroom.configuration.load import DEFAULT_FILE

_SPLITS = ("train", "eval", "test")


@click.command("lineage")
@click.argument("version", type=int)
@click.option("-c", "--config", "config_path", default=DEFAULT_FILE, show_default=True, help="The configuration file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--images", "split", type=click.Choice(_SPLITS), help="Print the images of this split, as JSON Lines.")
def command(version: int, config_path: str, as_json: bool, split: str | None) -> None:
    """Say which data, code, configuration, parent model and evaluation made VERSION; every prediction names one."""
    config = load_configuration(config_path)
    from pipeline.runs.history import RunHistory  # noqa: PLC0415
    from pipeline.runs.lineage import images_of, trace  # noqa: PLC0415

    found = trace(RunHistory.of(config).runs(), version)
    if split is not None:
        for image in images_of(found.data["examples"], split):
            click.echo(json.dumps(image, ensure_ascii=False))
        return
    if as_json:
        click.echo(found.model_dump_json(indent=2))
        return
    facts = found.model_dump(mode="json")
    click.echo(yaml.safe_dump(facts, sort_keys=False, allow_unicode=True), nl=False)
