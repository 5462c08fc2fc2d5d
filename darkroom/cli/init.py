"""`darkroom init`: look at a folder of images, write a commented configuration for it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from darkroom.configuration.load import DEFAULT_FILE
from darkroom.configuration.survey import survey_class_folders
from darkroom.configuration.template import starter_configuration
from darkroom.errors import ConfigurationError


@click.command("init")
@click.argument("images", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Folder to write to; the current one if not given.",
)
@click.option("--name", help="The model's name; the images folder's name if not given.")
@click.option("--force", is_flag=True, help="Overwrite a darkroom.yaml that exists.")
def command(images: Path, output: Path, name: str | None, force: bool) -> None:
    """Look at a folder of images and write a darkroom.yaml for it.

    IMAGES holds one folder of images for each class.
    """
    target = output / DEFAULT_FILE
    if target.exists() and not force:
        raise ConfigurationError(f"{target} exists already; use --force to overwrite it, or -o for another folder.")
    survey = survey_class_folders(images)
    output.mkdir(parents=True, exist_ok=True)
    # Relative, so that the folder can be moved or mounted elsewhere together with its images.
    relative = os.path.relpath(images.resolve(), output.resolve())
    target.write_text(starter_configuration(survey, relative, name), encoding="utf-8")
    total = sum(survey.counts.values())
    click.echo(f"{total:,} files in {len(survey.counts)} classes: {', '.join(survey.counts)}", err=True)
    for warning in survey.warnings:
        click.echo(f"! {warning}", err=True)
    click.echo(f"Wrote {target}. Next: darkroom run -c {target}", err=True)
