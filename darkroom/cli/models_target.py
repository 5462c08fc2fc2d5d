"""Which model, in which repository, `darkroom models` is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from darkroom.configuration.load import DEFAULT_FILE
from darkroom.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from serving.backend_tls.settings import BackendTlsSettings
    from serving.model_repository.model_servers import ModelServers
    from serving.model_repository.repository import ModelVersions

_OPTIONS = (
    click.option(
        *("-c", "--config", "config_path"),
        default=None,
        help=f"The configuration file; {DEFAULT_FILE} where there is one and no repository is given.",
    ),
    click.option("--repository", default=None, help="The model repository, in place of the configuration's."),
    click.option("--model", "model_name", default=None, help="The model's name, in place of the configuration's."),
)
_SERVERS = (
    click.option(
        "--server",
        "servers",
        multiple=True,
        metavar="HOST:PORT",
        help="gRPC address of a running model server to tell, in place of push.model_servers; may be repeated.",
    ),
    click.option(
        "--server-ca",
        type=click.Path(),
        default=None,
        help="Ask the servers by TLS, and believe those whose certificate an authority of this PEM file signed. These "
        "options take the place of push.model_servers_tls.",
    ),
    click.option("--server-name", default=None, help="The name in the servers' certificates, if not their host."),
    click.option("--certificate", type=click.Path(), default=None, help="Own certificate for servers that want one."),
    click.option("--key", type=click.Path(), default=None, help="The certificate's private key."),
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a command works on.

    Attributes:
        versions: of the model.
        used: versions that the configuration names.
        keep_previous: `push.keep_previous`.
    """

    versions: ModelVersions
    used: frozenset[int]
    keep_previous: bool


def with_target(*, tells_servers: bool) -> Callable[[Any], Any]:
    """Options that say where the model is; `find_target` takes them."""

    def decorate(function: Any) -> Any:
        for option in reversed((*_OPTIONS, *(_SERVERS if tells_servers else ()))):
            function = option(function)
        return function

    return decorate


def find_target(
    config_path: str | None,
    repository: str | None,
    model_name: str | None,
    servers: tuple[str, ...] = (),
    **tls_options: str | None,
) -> Target:
    """Puts options and configuration together.

    Raises:
        ConfigurationError: neither names the repository or the model, or a certificate's file is no good.
        DataError: the repository holds no model, or several and none is named.
    """
    from darkroom.configuration import load_configuration  # noqa: PLC0415 - `--help` is fast without these
    from serving.model_repository.repository import ModelVersions  # noqa: PLC0415
    from serving.model_repository.storage import open_storage  # noqa: PLC0415

    if config_path is None and repository is None and not Path(DEFAULT_FILE).exists():
        raise ConfigurationError(
            f"Nothing says where the models are: there is no {DEFAULT_FILE} here. Name it with --config, or the model "
            "repository with --repository"
        )
    if config_path is None and repository is not None:
        storage = open_storage(repository)
        name = model_name or _only_model(storage)
        told = _model_servers(servers, _tls_settings(**tls_options), "--server-ca, --certificate, --key")
        return Target(ModelVersions(storage, name, servers=told), frozenset(), keep_previous=True)
    config = load_configuration(config_path or DEFAULT_FILE)
    releases = config.serving.releases
    used = {target for target in releases.targets() if isinstance(target, int)} if releases is not None else set()
    tls, tls_key = _tls_settings(**tls_options), "--server-ca, --certificate, --key"
    if tls is None and config.push.model_servers_tls is not None:
        tls, tls_key = config.push.model_servers_tls.located(config.base), "push.model_servers_tls"
    told = _model_servers(servers or config.push.model_servers, tls, tls_key)
    return Target(
        ModelVersions(
            open_storage(repository or config.repository_path),
            model_name or config.model.name,
            served_path=config.push.served_path,
            servers=told,
            load_seconds=config.push.load_seconds,
        ),
        frozenset(used),
        config.push.keep_previous,
    )


def _tls_settings(
    server_ca: str | None = None,
    server_name: str | None = None,
    certificate: str | None = None,
    key: str | None = None,
) -> BackendTlsSettings | None:
    if server_ca is server_name is certificate is key is None:
        return None
    from serving.backend_tls.settings import BackendTlsSettings  # noqa: PLC0415

    if (certificate is None) != (key is None):
        raise ConfigurationError("--certificate and --key go together")
    return BackendTlsSettings(ca_file=server_ca, server_name=server_name, certificate_file=certificate, key_file=key)


def _model_servers(addresses: tuple[str, ...], tls: BackendTlsSettings | None, tls_key: str) -> ModelServers:
    from serving.backend_tls.credentials import BackendCredentials  # noqa: PLC0415
    from serving.model_repository.model_servers import ModelServers  # noqa: PLC0415

    return ModelServers(addresses, BackendCredentials(tls, tls_key) if tls is not None else None)


def _only_model(storage: Any) -> str:
    from serving.model_repository.storage import models_in  # noqa: PLC0415

    found = models_in(storage)
    if len(found) == 1:
        return str(found[0])
    if found:
        raise DataError(f"{storage.location} holds {', '.join(found)}; choose one with --model")
    raise DataError(f"{storage.location} holds no pushed model (<model name>/<version>/)")
