"""`darkroom submit`: one run in Kubeflow."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from darkroom.cli.kubeflow_extra import kubeflow_needed
from darkroom.cli.kubeflow_parameters import parameter_values
from darkroom.configuration import DarkroomConfig, load_configuration
from darkroom.configuration.load import DEFAULT_FILE
from darkroom.errors import DarkroomError, NotBlessedError

if TYPE_CHECKING:
    from pipeline.runs.past_run import PastRun


@click.command("submit")
@click.option("-c", "--config", "config_path", default=DEFAULT_FILE, show_default=True, help="The configuration file.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key in this run.")
@click.option(
    "--trigger",
    type=click.Choice(["manual", "drift", "schedule", "span"]),
    default="manual",
    show_default=True,
    help="Why it is started; schedule trains only when something changed, span only for a new span.",
)
@click.option("--detach", is_flag=True, help="Do not wait for its end.")
@click.option("--force", is_flag=True, help="Start it although another run of this model is under way.")
@click.option("--poll", type=click.FloatRange(min=0.05), default=5.0, show_default=True, help="Seconds between looks.")
def command(
    *, config_path: str, overrides: tuple[str, ...], trigger: str, detach: bool, force: bool, poll: float
) -> None:
    """Start one run of the compiled pipeline in Kubeflow, and follow it to its end.

    Its id goes to standard output.

    Exit codes: 0 pushed or nothing new, 3 not blessed or not pushed, 2 bad configuration, 1 failure.
    """
    config = load_configuration(config_path)
    with kubeflow_needed():
        from pipeline.kubeflow.api import KubeflowApi  # noqa: PLC0415
        from pipeline.kubeflow.compilation import compile_pipeline  # noqa: PLC0415
        from pipeline.kubeflow.following import follow  # noqa: PLC0415
    text = Path(config_path).read_text(encoding="utf-8")
    parameters = {**parameter_values(config, text, overrides), "trigger": trigger}
    compiled = compile_pipeline(config, text)
    api = KubeflowApi(config)
    other = None if force else api.run_under_way()
    if other is not None:
        raise DarkroomError(
            f"The run {other} of {config.model.name} is under way; wait for it, end it, or start another with --force"
        )
    version = api.upload(compiled)
    run_id = api.start(version, f"{config.model.name} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}", parameters)
    click.echo(run_id)
    if detach:
        return
    try:
        state = follow(api, run_id, lambda step, is_in: click.echo(f" {step:<24} {is_in.lower()}", err=True), poll)
    except KeyboardInterrupt:
        click.echo(f"The run {run_id} goes on.", err=True)
        raise
    if state != "SUCCEEDED":
        raise DarkroomError(f"The run {run_id} ended as {state.lower()}; its log and its page are in Kubeflow")
    _tell(config, run_id)


def _tell(config: DarkroomConfig, run_id: str) -> None:
    """What came of a run that succeeded, which Kubeflow does not know."""
    try:
        run, decision = _recorded(config, run_id)
    except Exception as error:  # noqa: BLE001 - ML Metadata's errors have nothing in common, and the run did succeed
        click.echo(f"The run succeeded; whether it pushed a model is not known here: {error}", err=True)
        return
    if run is None:
        click.echo(decision, err=True)
        return
    if run.pushed_version is None:
        raise NotBlessedError(f"The model is {run.outcome}.")
    click.echo(f"Version {run.pushed_version} was pushed.", err=True)


def _recorded(config: DarkroomConfig, run_id: str) -> tuple[PastRun | None, str]:
    from pipeline.runs.history import RunHistory  # noqa: PLC0415

    runs = [run for run in RunHistory.of(config).runs() if run.run_id == run_id]
    return (runs[0], "") if runs else (None, "There was nothing new, and nothing was trained.")
