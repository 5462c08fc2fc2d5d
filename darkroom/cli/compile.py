"""`darkroom compile`: the pipeline for Kubeflow."""

from __future__ import annotations

from pathlib import Path

import click

from darkroom.cli.kubeflow_extra import kubeflow_needed
from darkroom.configuration import load_configuration
from darkroom.configuration.load import DEFAULT_FILE
from darkroom.configuration.text import with_overrides


@click.command("compile")
@click.option("-c", "--config", "config_path", default=DEFAULT_FILE, show_default=True, help="The configuration file.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key in every run.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write it; standard output when not given.",
)
def command(config_path: str, overrides: tuple[str, ...], output: Path | None) -> None:
    """Compile the pipeline for Kubeflow Pipelines v2.

    The YAML can be uploaded as it is. Steps take the configuration from the pipeline's parameter of that name.
    """
    config = load_configuration(config_path, overrides)
    with kubeflow_needed():
        from pipeline.kubeflow.compilation import compile_pipeline  # noqa: PLC0415
    made = compile_pipeline(config, with_overrides(Path(config_path), overrides))
    if output is None:
        click.echo(made, nl=False)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(made, encoding="utf-8")
        click.echo(output)
