"""`darkroom alert-receiver`: from the alert about drift to a run."""

from __future__ import annotations

import json
import logging
import signal
import socket
import sys
from pathlib import Path

import click

from darkroom.configuration import DarkroomConfig, load_configuration
from darkroom.configuration.load import DEFAULT_FILE
from darkroom.errors import ConfigurationError, DarkroomError

# Submitting takes some seconds; the pod's grace period is above it.
_CLOSE_SECONDS = 60.0


@click.command("alert-receiver")
@click.option("-c", "--config", "config_path", default=DEFAULT_FILE, show_default=True, help="The configuration file.")
@click.option(
    "--token-file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file with the token that Alertmanager must send, 16 letters or more.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=9095, show_default=True, help="0 takes a free one.")
@click.option(
    "--alert", "alerts", multiple=True, default=["DarkroomDrift"], show_default=True, help="An alert that starts a run."
)
@click.option(
    "--cooldown-hours",
    type=click.FloatRange(min=0),
    default=24.0,
    show_default=True,
    help="At least as long between the starts of two runs.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where answered alerts are kept. [default: alert-receiver.json under pipeline.root]",
)
@click.option("--local", is_flag=True, help="Start darkroom run on this machine instead of a run in Kubeflow.")
def command(
    *,
    config_path: str,
    token_file: Path,
    host: str,
    port: int,
    alerts: tuple[str, ...],
    cooldown_hours: float,
    state: Path | None,
    local: bool,
) -> None:
    """Start a run when Alertmanager tells of drift.

    Takes Alertmanager's webhook at POST /alerts, and starts `darkroom submit --trigger drift` for this configuration's
    model: one run at a time, one for each firing of an alert, and none before the cooldown is over.
    """
    config = load_configuration(config_path)
    if not local and config.kubeflow.host is None:
        raise ConfigurationError(
            "kubeflow.host is not set: name the Pipelines API, or run on this machine with --local"
        )
    try:
        import uvicorn  # noqa: PLC0415

        from pipeline.alert_receiver import AlertReceiver, read_token  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise DarkroomError("The receiver needs the extra serving: pip install 'darkroom[serving]'") from error
    from pipeline.drift_runs import DriftRuns  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    read_token(token_file)
    how = ("run",) if local else ("submit", "--trigger", "drift", "--detach")
    runs = DriftRuns(
        (sys.executable, "-m", "darkroom.cli", *how, "--config", config_path),
        state or _default_state(config),
        cooldown_hours * 3600,
    )
    receiver = AlertReceiver(runs, config.model.name, alerts, token_file)
    listener = _listener(host, port)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn stops at them, and then raises them again for the handler from before, which would end the process.
        signal.signal(number, lambda *_: None)
    click.echo(json.dumps({"event": "listening", "host": host, "port": listener.getsockname()[1]}))
    server = uvicorn.Server(uvicorn.Config(receiver.app, log_config=None, access_log=False, server_header=False))
    try:
        server.run(sockets=[listener])
    finally:
        runs.close(_CLOSE_SECONDS)


def _default_state(config: DarkroomConfig) -> Path:
    if "://" in config.pipeline_root:
        raise ConfigurationError("pipeline.root is in an object store: name a file on a volume with --state")
    return Path(config.pipeline_root) / "alert-receiver.json"


def _listener(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise DarkroomError(f"{host}:{port} can't be listened on: {error.strerror}") from error
