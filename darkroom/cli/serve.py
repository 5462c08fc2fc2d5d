"""`darkroom serve`: the gateway with the embedded model server on the newest pushed model."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from darkroom.errors import ConfigurationError, DarkroomError, DataError
from darkroom.heap import without_collection

if TYPE_CHECKING:
    from serving.gateway.configuration_reload import ConfigurationSource
    from serving.gateway.server import Listening
    from serving.gateway.settings import GatewaySettings

_LOG = logging.getLogger(__name__)

_DEFAULT_CONFIG = Path("darkroom.yaml")


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to serve: `repository` is the folder above the models, None in front of running servers."""

    settings: GatewaySettings
    repository: Path | None
    model_name: str


@click.command("serve")
@click.argument("repository", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option(
    *("-c", "--config"),
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Configuration; by default darkroom.yaml where there is one and no repository is given.",
)
@click.option(
    "--model-base-path",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="The model repository, the same as REPOSITORY.",
)
@click.option("--model-name", default=None, help="The model to serve; needed when the repository holds several.")
@click.option("--host", default=None, help="Address to listen on; 127.0.0.1 unless configured.")
@click.option("--rest-port", type=click.IntRange(0, 65535), default=None, help="REST port, 8080; 0 takes a free one.")
@click.option("--grpc-port", type=click.IntRange(0, 65535), default=None, help="gRPC port, 9000; 0 takes a free one.")
@click.option(
    "--backend",
    "backends",
    multiple=True,
    metavar="HOST:PORT",
    help="gRPC address of a running TF Serving to use in place of the embedded model server; may be repeated.",
)
@click.option(
    "--model-server-log",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="File for the embedded model server's messages; standard error without it.",
)
@click.option(
    "--wait-for-model",
    is_flag=True,
    help="Start without a pushed model, and be ready when the first one is there. The model must be named.",
)
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
def command(
    *,
    repository: Path | None,
    config: Path | None,
    model_base_path: Path | None,
    model_name: str | None,
    host: str | None,
    rest_port: int | None,
    grpc_port: int | None,
    backends: tuple[str, ...],
    model_server_log: Path | None,
    wait_for_model: bool,
    verbose: bool,
) -> None:
    """Serve the newest pushed model over REST and gRPC.

    REPOSITORY is the folder that models are pushed to, with <model name>/<version>/ below it.

    Prints two lines of JSON on stdout, {"event": "listening", …} and {"event": "ready", …}; people's lines go to
    stderr. Ctrl-C or SIGTERM finishes the requests in flight and stops; a second one stops at once.
    """
    if repository is not None and model_base_path is not None and repository != model_base_path:
        raise click.UsageError(f"REPOSITORY {repository} and --model-base-path {model_base_path} name two folders")
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for noisy in ("asyncio", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.INFO if verbose else logging.WARNING)
    # It warns about every malformed body; the client gets the error, and the request log has it.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    overrides: dict[str, Any] = {
        key: value
        for key, value in {
            "host": host,
            "rest_port": rest_port,
            "grpc_port": grpc_port,
            "backends": backends or None,
            "model_name": model_name,
        }.items()
        if value is not None
    }
    repository = repository or model_base_path
    config = config if config is not None else _default_config(repository, overrides)
    make_plan = partial(_plan, config, repository, overrides, wait_for_model=wait_for_model)
    with without_collection():  # a tenth of the time until it listens
        plan = make_plan()
        # The child is another program, not a fork that goes on with gRPC; without this gRPC logs a line about it.
        os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
        from serving.gateway.embedded_models import EmbeddedModels  # noqa: PLC0415 - after the environment is set
        from serving.gateway.server import Gateway, run_gateway  # noqa: PLC0415 - the same
        from serving.gateway.supervisor import model_server_command  # noqa: PLC0415 - the same
    if plan.settings.log.format == "json":
        _log_json()

    def build(folder: Path) -> Gateway:
        models: EmbeddedModels | None = None
        model_server: list[str] | None = None
        if plan.repository is not None:
            base_path = plan.repository / plan.model_name
            models = EmbeddedModels(
                folder / "models.config", plan.model_name, base_path, lambda: _labels(plan.repository, plan.model_name)
            )
            model_server = model_server_command(plan.model_name, base_path, models, plan.settings.tracing)
        return Gateway(
            plan.settings,
            plan.model_name,
            model_server_command=model_server,
            model_server_log=model_server_log,
            models=models,
            configuration=_source(config, plan, lambda: make_plan().settings),
        )

    announcer = _Announcer(plan)
    try:
        with tempfile.TemporaryDirectory(prefix="darkroom-serve-") as folder:
            run_gateway(
                lambda: build(Path(folder)),
                on_listening=announcer.listening,
                on_ready=announcer.ready,
                on_draining=lambda: _tell(plan, "Stopping: finishing the requests in flight."),
            )
    except OSError as error:
        raise DarkroomError(str(error)) from error
    _tell(plan, "Stopped.")


def _source(config: Path | None, plan: _Plan, read: Callable[[], GatewaySettings]) -> ConfigurationSource | None:
    """What the gateway follows while it runs: the configuration file, and the labels of the repository's versions."""
    from serving.gateway.configuration_reload import ConfigurationSource  # noqa: PLC0415 - imports gRPC
    from serving.model_repository.model_config_file import MODEL_CONFIG_FILE  # noqa: PLC0415 - the same

    labels = plan.repository / MODEL_CONFIG_FILE if plan.repository is not None else None
    if config is not None:
        return ConfigurationSource(config, read, labels)
    return ConfigurationSource(labels, read) if labels is not None else None


def _labels(repository: Path | None, model_name: str) -> dict[str, int]:
    """What the versions in a repository are labelled.

    Raises:
        ConfigurationError: the repository's model configuration file is wrong.
    """
    from serving.model_repository.model_config_file import labels_of, read_config  # noqa: PLC0415 - imports gRPC
    from serving.model_repository.storage import open_storage  # noqa: PLC0415 - the same

    return labels_of(read_config(open_storage(repository)), model_name) if repository is not None else {}


def _log_json() -> None:
    from serving.gateway.process_log import JsonFormatter  # noqa: PLC0415 - only where it is wanted

    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonFormatter())


def _tell(plan: _Plan, text: str) -> None:
    """A line for people on stderr, where a collector that reads JSON gets JSON."""
    if plan.settings.log.format == "json":
        _LOG.info(text)
    else:
        click.echo(text, err=True)


class _Announcer:
    """Says where the gateway is: to people on stderr, to programs on stdout."""

    def __init__(self, plan: _Plan) -> None:
        self._plan = plan
        self._tls = plan.settings.tls is not None
        self._scheme = "https" if self._tls else "http"
        self._rest = ""
        self._grpc = ""

    def listening(self, where: Listening) -> None:
        # A certificate names a host; which one, the user knows.
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(where.host, where.host)
        self._rest, self._grpc = f"{host}:{where.rest_port}", f"{host}:{where.grpc_port}"
        _tell(
            self._plan,
            f"Gateway: REST {self._scheme}://{self._rest}  gRPC {self._grpc}{' with TLS' if self._tls else ''}  "
            f"metrics {self._scheme}://{self._rest}/metrics",
        )
        waiting = (
            f"Starting the model server for {self._plan.model_name} in {self._plan.repository}"
            if self._plan.repository is not None
            else f"Waiting for {self._plan.model_name} at {', '.join(self._plan.settings.backends)}"
        )
        _tell(self._plan, f"{waiting} …")
        _event(event="listening", host=where.host, rest_port=where.rest_port, grpc_port=where.grpc_port)

    def ready(self, version: int) -> None:
        name = self._plan.model_name
        secured = self._plan.settings.authentication.enabled
        key = ' -H "Authorization: Bearer $DARKROOM_API_KEY"' if secured else ""
        address = f"{self._scheme}://{self._rest}"
        _tell(
            self._plan,
            f"Ready: model {name}, version {version}. Ask it with\n"
            f"  curl{key} -H 'Content-Type: image/png' --data-binary @IMAGE.png "
            f"'{address}/v1/models/{name}:predict?top_k=3'\n"
            f"  darkroom predict IMAGE.png --address {address if self._tls else self._rest} --model {name}\n"
            f"or in a browser at {address}/",
        )
        _event(event="ready", model=name, version=version)


def _event(**fields: Any) -> None:
    click.echo(json.dumps(fields))
    sys.stdout.flush()


def _default_config(repository: Path | None, overrides: dict[str, Any]) -> Path | None:
    """The configuration file when no option names one."""
    usable = repository is None and not overrides.get("backends") and _DEFAULT_CONFIG.exists()
    return _DEFAULT_CONFIG if usable else None


def _plan(config: Path | None, repository: Path | None, overrides: dict[str, Any], *, wait_for_model: bool) -> _Plan:
    """Put configuration and options together, and find the model.

    Raises:
        ConfigurationError: in the configuration or an option.
        DataError: there is no pushed model.
    """
    from pydantic import ValidationError  # noqa: PLC0415

    from serving.gateway.settings import GatewaySettings  # noqa: PLC0415

    configured: dict[str, Any] = {}
    configured_name: str | None = None
    configured_repository = ""
    if config is not None:
        settings, configured_repository, configured_name = _read_configuration(config)
        configured = settings.model_dump(exclude_unset=True)
    try:
        settings = GatewaySettings.model_validate({**configured, **overrides})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise ConfigurationError(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}") from error
    model_name = settings.model_name
    if settings.backends:
        model_name = model_name or configured_name
        if model_name is None:
            raise ConfigurationError("--backend needs --model-name: the model that this gateway serves")
        return _Plan(settings, None, model_name)
    if settings.backend_tls is not None:
        raise ConfigurationError(
            "serving.backend_tls is for running servers in serving.backends; the embedded model server is asked in "
            "plain text, on loopback"
        )
    if repository is None and "://" in configured_repository:
        raise ConfigurationError(
            f"{config}: push.repository {configured_repository} is not a local folder; the embedded model server "
            "serves local ones. Start TF Serving on it and name it with --backend, or in serving.backends"
        )
    if repository is None and configured_repository:
        repository = Path(configured_repository)
    if repository is None:
        raise ConfigurationError(
            "Nothing says where the models are: there is no darkroom.yaml here. Name it with --config, or give the "
            "model repository: darkroom serve REPOSITORY"
        )
    from serving.gateway.releases.labelled import labelled_releases  # noqa: PLC0415

    model_name = model_name or configured_name
    if model_name is None and wait_for_model:
        raise ConfigurationError("--wait-for-model needs --model-name: the model that is to come")
    if model_name is None or not wait_for_model:
        model_name = _find_model(repository, model_name)
    releases = labelled_releases(settings.releases, _labels(repository, model_name))
    return _Plan(settings.model_copy(update={"releases": releases}), repository, model_name)


def _read_configuration(path: Path) -> tuple[GatewaySettings, str, str]:
    """The `serving` section, where models are pushed to (a folder or a URL) and the model's name."""
    from darkroom.configuration import load_configuration  # noqa: PLC0415 - reads YAML, which options alone don't need
    from serving.gateway.settings_paths import located  # noqa: PLC0415

    found = load_configuration(path)
    return located(found.serving, found.base), found.repository_path, found.model.name


def _find_model(repository: Path, wanted: str | None) -> str:
    """The name of the model to serve; there must be a version of it.

    Raises:
        DataError: no model was pushed, or several and none is named.
    """
    advice = "Train and push one with `darkroom run`, or name another model repository."
    if not repository.is_dir():
        raise DataError(f"There is no model repository at {repository}. {advice}")
    if wanted is not None:
        if not _has_version(repository / wanted):
            raise DataError(f"The repository {repository} has no pushed version of model {wanted!r}. {advice}")
        return wanted
    names = sorted(folder.name for folder in repository.iterdir() if _has_version(folder))
    if not names:
        raise DataError(f"The repository {repository} has no pushed model (<model name>/<version>/). {advice}")
    if len(names) > 1:
        raise DataError(
            f"The repository {repository} has several models, {', '.join(names)}: choose with --model-name."
        )
    return names[0]


def _has_version(folder: Path) -> bool:
    """Whether a model's folder has a version, named by a number as TF Serving wants it."""
    return folder.is_dir() and any(child.name.isdecimal() and child.is_dir() for child in folder.iterdir())
