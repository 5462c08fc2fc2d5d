"""Where Alertmanager sends the alert about drift: its webhook, behind a token.

The payload is version 4 of https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Alertmanager sends
an alert again and again for as long as it fires; what is done about that is in pipeline/drift_runs.py.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from darkroom.errors import ConfigurationError, DarkroomError
from pipeline.drift_runs import DriftRuns, Reception

_log = logging.getLogger(__name__)

# Alertmanager groups alerts: hundreds of models make some hundred kilobytes.
_MOST_BYTES = 1 << 20
_BODY_SECONDS = 10.0
# Fewer can be guessed.
_FEWEST_LETTERS = 16


class _Alert(BaseModel):
    """One alert of a notification; what else it has is not looked at."""

    model_config = ConfigDict(extra="ignore")

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    startsAt: str  # noqa: N815 - Alertmanager's name
    fingerprint: str

    @property
    def firing(self) -> str:
        """Tells this firing from the next of the same alert."""
        return f"{self.fingerprint} {self.startsAt}"


class _Notification(BaseModel):
    model_config = ConfigDict(extra="ignore")

    version: Literal["4"]
    alerts: tuple[_Alert, ...]


class _RefusedError(Exception):
    """A request that is not taken."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def read_token(path: Path) -> bytes:
    """The token that senders must bring.

    Raises:
        ConfigurationError: the file can't be read, or its content is too short to be a secret.
    """
    try:
        token = path.read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(f"--token-file: {path} can't be read ({error.strerror})") from error
    if len(token) < _FEWEST_LETTERS:
        raise ConfigurationError(f"--token-file: {path} must hold {_FEWEST_LETTERS} letters or more")
    return token


class AlertReceiver:
    """The routes: `POST /alerts`, and `GET /livez` for probes."""

    def __init__(self, runs: DriftRuns, model: str, alerts: Collection[str], token_file: Path) -> None:
        """Takes alerts of one model.

        Args:
            runs: starts them.
            model: the label `model` of alerts that are meant.
            alerts: their names.
            token_file: read at each request, so that a new token needs no restart.
        """
        self._runs, self._model, self._alerts, self._token_file = runs, model, frozenset(alerts), token_file
        self.app = Starlette(
            routes=[Route("/alerts", self._receive, methods=["POST"]), Route("/livez", self._live, methods=["GET"])]
        )

    async def _live(self, _: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def _receive(self, request: Request) -> Response:
        try:
            self._check(request)
            firing = self._meant(await _notification(request))
            reception = await run_in_threadpool(self._runs.receive, firing)
        except _RefusedError as error:
            _log.warning("A notification was refused: %s", error)
            headers = {"www-authenticate": "Bearer"} if error.status == 401 else None
            return JSONResponse({"error": str(error)}, error.status, headers)
        except OSError:
            # Alertmanager sends it again.
            _log.exception("A run could not be started")
            return JSONResponse({"error": "the run could not be started; the receiver's log says why"}, 500)
        _log.info("A notification about %d alerts: %s", len(firing), reception)
        return JSONResponse({"outcome": reception}, 202 if reception is Reception.STARTED else 200)

    def _check(self, request: Request) -> None:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        try:
            token = read_token(self._token_file)
        except DarkroomError as error:
            _log.error("%s", error)
            raise _RefusedError(503, "the receiver has no token to compare with; its log says why") from error
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token):
            raise _RefusedError(401, "send the receiver's token: 'Authorization: Bearer ...'")

    def _meant(self, notification: _Notification) -> set[str]:
        return {
            alert.firing
            for alert in notification.alerts
            if alert.status == "firing"
            and alert.labels.get("alertname") in self._alerts
            and alert.labels.get("model") == self._model
        }


async def _notification(request: Request) -> _Notification:
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > _MOST_BYTES:
                    raise _RefusedError(413, f"a notification may have {_MOST_BYTES} bytes")
    except TimeoutError as error:
        raise _RefusedError(408, f"the notification took longer than {_BODY_SECONDS:g} seconds") from error
    except ClientDisconnect as error:
        raise _RefusedError(400, "the sender went away") from error
    try:
        return _Notification.model_validate_json(bytes(body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise _RefusedError(400, f"no notification of Alertmanager, version 4: {where}: {first['msg']}") from error
