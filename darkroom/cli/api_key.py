"""`darkroom api-key`: the file of hashed keys that `serving.authentication.api_keys_file` names."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from darkroom.errors import ConfigurationError

if TYPE_CHECKING:
    from serving.gateway.security.settings import RateLimitSettings

_DEFAULT_CONFIG = Path("darkroom.yaml")
_SCOPES = ("predict", "status", "admin")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_DURATION = re.compile(r"([1-9][0-9]{0,4})([hdw])")

_file_option = click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="The file of keys; by default the one that darkroom.yaml names.",
)
_config_option = click.option(
    *("-c", "--config"),
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Configuration that names the file of keys; darkroom.yaml by default.",
)


@click.group("api-key")
def command() -> None:
    """Make, list and revoke the API keys of a gateway. A running gateway takes changes up by itself."""


@command.command("new")
@click.argument("name")
@click.option(*("--scope", "scopes"), multiple=True, required=True, type=click.Choice(_SCOPES), help="May be repeated.")
@click.option("--expires", default=None, metavar="WHEN", help="12h, 90d, 8w, or a date such as 2030-01-31; never else.")
@click.option("--requests-per-second", type=float, default=None, help="A limit of its own.")
@click.option("--request-burst", type=int, default=None, help="Requests that may come at once.")
@click.option("--images-per-second", type=float, default=None, help="A limit of its own.")
@click.option("--image-burst", type=int, default=None, help="Images that may come at once.")
@_file_option
@_config_option
def new(
    *,
    name: str,
    scopes: tuple[str, ...],
    expires: str | None,
    file: Path | None,
    config: Path | None,
    **limits: float | None,
) -> None:
    """Make a key for NAME. It is printed on stdout, once; the file has its hash alone."""
    from pydantic import ValidationError  # noqa: PLC0415

    from serving.gateway.security.api_key_file import add_key  # noqa: PLC0415
    from serving.gateway.security.principal import Scope  # noqa: PLC0415

    path = _path(file, config)
    ends = _expiry(expires, datetime.now(UTC))
    try:
        chosen = tuple(scope for scope in Scope if scope in scopes)
        key = add_key(path, name, chosen, expires=ends, rate_limit=_rate_limit(limits))
    except ValidationError as error:
        raise ConfigurationError(_explain(error)) from error
    until = f", until {ends.isoformat(timespec='seconds')}" if ends is not None else ""
    click.echo(f"Key {name} in {path} may: {', '.join(chosen)}{until}. It is not shown again:", err=True)
    click.echo(key)


@command.command("list")
@_file_option
@_config_option
def list_keys(*, file: Path | None, config: Path | None) -> None:
    """List the keys, without anything secret."""
    from serving.gateway.security.api_keys import read_keys  # noqa: PLC0415

    rows = [("name", "scopes", "created", "expires", "id")]
    now = datetime.now(UTC)
    for key in read_keys(_path(file, config)).keys:
        expires = "never" if key.expires is None else key.expires.isoformat(timespec="seconds")
        expired = " (expired)" if key.expires is not None and key.expires <= now else ""
        rows.append((key.name, ",".join(key.scopes), key.created.date().isoformat(), expires + expired, key.id))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@command.command("revoke")
@click.argument("name")
@_file_option
@_config_option
def revoke(*, name: str, file: Path | None, config: Path | None) -> None:
    """Take the key NAME out of the file."""
    from serving.gateway.security.api_key_file import revoke_key  # noqa: PLC0415

    path = _path(file, config)
    revoke_key(path, name)
    click.echo(f"Key {name} is no longer in {path}.", err=True)


def _path(file: Path | None, config: Path | None) -> Path:
    """The file of keys.

    Raises:
        ConfigurationError: nothing names one.
    """
    if file is not None:
        return file
    if config is not None or _DEFAULT_CONFIG.exists():
        from darkroom.configuration import load_configuration  # noqa: PLC0415 - not needed where --file says it

        found = load_configuration(config or _DEFAULT_CONFIG)
        named = found.serving.authentication.api_keys_file
        if named is not None:
            return Path(found.resolve(named))
    raise ConfigurationError(
        "Nothing names the file of keys: set serving.authentication.api_keys_file in darkroom.yaml, or give --file"
    )


def _expiry(text: str | None, now: datetime) -> datetime | None:
    """When a key ends.

    Raises:
        ConfigurationError: the text is no duration and no date, or is over.
    """
    if text is None:
        return None
    duration = _DURATION.fullmatch(text)
    try:
        ends = (
            now.replace(microsecond=0) + int(duration[1]) * _UNITS[duration[2]]
            if duration is not None
            else datetime.fromisoformat(text)
        )
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(f"--expires must be such as 12h, 90d, 8w or 2030-01-31, found {text!r}") from error
    if ends.tzinfo is None:
        ends = ends.replace(tzinfo=UTC)
    if ends <= now:
        raise ConfigurationError(f"--expires {text} is over already")
    return ends


def _rate_limit(limits: dict[str, Any]) -> RateLimitSettings | None:
    from serving.gateway.security.settings import RateLimitSettings  # noqa: PLC0415

    given = {name: value for name, value in limits.items() if value is not None}
    return RateLimitSettings.model_validate(given) if given else None


def _explain(error: Any) -> str:
    problem = error.errors(include_url=False)[0]
    where = ".".join(map(str, problem["loc"]))
    if problem["type"] == "string_pattern_mismatch":
        return f"a key's name is 1 to 64 letters, digits and ._@-, the first no sign, found {problem['input']!r}"
    return f"{where + ': ' if where else ''}{problem['msg'].removeprefix('Value error, ')}, found {problem['input']!r}"
