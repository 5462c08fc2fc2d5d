"""Paths in the `serving:` section of a configuration file, which start from that file's folder."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from serving.gateway.settings import GatewaySettings

_Model = TypeVar("_Model", bound=BaseModel)


def located(settings: GatewaySettings, base: Path) -> GatewaySettings:
    """The same settings with such paths made absolute."""
    authentication = _located(settings.authentication, base, "api_keys_file")
    changes = {
        "log": _located(settings.log, base, "path"),
        "prediction_log": _located(settings.prediction_log, base, "folder"),
        "tls": settings.tls and _located(settings.tls, base, "certificate_file", "key_file", "client_ca_file"),
        "backend_tls": settings.backend_tls and settings.backend_tls.located(base),
        "authentication": authentication.model_copy(
            update={"jwt": authentication.jwt and _located(authentication.jwt, base, "jwks_file")}
        ),
    }
    # Only what was set stays set: whoever merges these settings with others must know what was said.
    return settings.model_copy(update={name: changes[name] for name in changes if name in settings.model_fields_set})


def _located(section: _Model, base: Path, *names: str) -> _Model:
    paths = {name: getattr(section, name) for name in names}
    return section.model_copy(
        update={name: str(base / Path(path).expanduser()) for name, path in paths.items() if path is not None}
    )
