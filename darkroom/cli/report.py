"""`darkroom report`: what a run did, as a page, a model card or JSON."""

from __future__ import annotations

from pathlib import Path

import click

from darkroom.configuration import DarkroomConfig, load_configuration
from darkroom.configuration.load import DEFAULT_FILE
from darkroom.errors import DarkroomError

_SUFFIXES = {".html": "html", ".htm": "html", ".json": "json", ".md": "markdown"}


@click.command("report")
@click.argument("run", default="latest")
@click.option("-c", "--config", "config_path", default=DEFAULT_FILE, show_default=True, help="The configuration file.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "json", "markdown"]),
    help="html unless --output has a suffix that says else.",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to write it.")
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
def command(run: str, config_path: str, form: str | None, output: Path | None, opens: bool) -> None:
    """Write what RUN did: `latest`, the beginning of its id, or the version that it pushed.

    A page goes into the pipeline's folder of reports, and its path to stdout; JSON and Markdown go to stdout.
    """
    config = load_configuration(config_path)
    form = form or (_SUFFIXES.get(output.suffix.lower(), "html") if output else "html")
    from pipeline.report.run_report import gather  # noqa: PLC0415
    from pipeline.runs.history import RunHistory  # noqa: PLC0415

    report = gather(RunHistory.of(config).find(run))
    if form == "html":
        from pipeline.report.files import write_page  # noqa: PLC0415

        path = write_page(report, output or page_path(config, report.run_id))
        click.echo(path)
        if opens:
            click.launch(str(path))
        return
    if opens:
        raise DarkroomError("--open is for a page; leave --format out")
    if form == "markdown":
        from pipeline.report.card import card_of  # noqa: PLC0415

        text = card_of(report)
    else:
        text = report.model_dump_json(indent=2) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        click.echo(output)


def page_path(config: DarkroomConfig, run_id: str) -> Path:
    """Where a run's page lies: beside the pipeline's artifacts, or here where these are in an object store."""
    root = config.pipeline_root
    folder = (Path(".darkroom") if "://" in root else Path(root)) / "reports"
    return folder / f"{run_id.replace(':', '').replace('+', '-')}.html"
