"""`darkroom schedule`: runs at set times."""

from __future__ import annotations

from pathlib import Path

import click

from darkroom.cli.kubeflow_extra import kubeflow_needed
from darkroom.cli.kubeflow_parameters import parameter_values
from darkroom.configuration import load_configuration
from darkroom.configuration.load import DEFAULT_FILE
from darkroom.configuration.text import with_overrides
from darkroom.errors import ConfigurationError
from pipeline.cron import check_cron, with_seconds


@click.command("schedule")
@click.option("-c", "--config", "config_path", default=DEFAULT_FILE, show_default=True, help="The configuration file.")
@click.option("--cron", metavar="'M H D M W'", help="When: five fields, '0 3 * * *' is every day at 3:00.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key in each of these runs.")
@click.option(
    "--trigger",
    type=click.Choice(["schedule", "span"]),
    default="schedule",
    show_default=True,
    help="What must be new for a run to train: images or configuration, or a span.",
)
@click.option("--render", is_flag=True, help="Print a CronJob for a cluster without Kubeflow, and change nothing.")
@click.option("--namespace", default="darkroom", show_default=True, help="Of the CronJob.")
@click.option("--remove", is_flag=True, help="End the schedule.")
def command(
    *,
    config_path: str,
    cron: str | None,
    overrides: tuple[str, ...],
    trigger: str,
    render: bool,
    namespace: str,
    remove: bool,
) -> None:
    """Run the pipeline at set times: a recurring run in Kubeflow, or a CronJob (--render).

    Call it again to change it. One run at a time; times that were missed are not made up for. A run that finds the
    images and the configuration of the last one (with --trigger span: no new span) trains nothing, and says so.
    """
    if remove == (cron is not None) or (remove and render):
        raise click.UsageError("give either --cron, with --render or without, or --remove")
    config = load_configuration(config_path)
    if trigger == "span" and not load_configuration(config_path, overrides).data.has_spans:
        raise ConfigurationError(
            f"--trigger span: {config.images_path} does not come in spans. Put {{SPAN}}, or {{YYYY}}, {{MM}} and "
            "{{DD}}, in the place of what is another in each of them"
        )
    from pipeline.triggers import Trigger  # noqa: PLC0415

    text = Path(config_path).read_text(encoding="utf-8")
    times = check_cron(cron) if cron is not None else None
    if render and times is not None:
        from pipeline.cron_job import render_cron_job  # noqa: PLC0415

        config = load_configuration(config_path, overrides)
        given = with_overrides(Path(config_path), overrides)
        click.echo(render_cron_job(config, given, times, namespace, Trigger(trigger)), nl=False)
        return
    with kubeflow_needed():
        from pipeline.kubeflow.api import KubeflowApi  # noqa: PLC0415
        from pipeline.kubeflow.compilation import compile_pipeline  # noqa: PLC0415
    if times is None:
        removed = KubeflowApi(config).unschedule()
        click.echo(f"{config.model.name}: {'the schedule was removed' if removed else 'there was no schedule'}")
        return
    parameters = parameter_values(config, text, overrides)
    compiled = compile_pipeline(config, text)
    api = KubeflowApi(config)
    changed = api.schedule(api.upload(compiled), with_seconds(times), parameters, Trigger(trigger))
    click.echo(f"{config.model.name}: {'scheduled' if changed else 'is already scheduled'} at {times}")
