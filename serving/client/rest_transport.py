"""The client over REST."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from serving.client.connection import Connection, Tls
from serving.client.errors import BusyError, ImageRefusedError, NotReadyError
from serving.client.prediction import Prediction, ScoredClass, build_prediction
from serving.client.protocol import Question, Steps
from serving.errors import HTTP_STATUS, Code, ServingError

# The gateway keeps the deadline itself; this much later the connection is taken for dead.
_GRACE_SECONDS = 2.0
_CODE_OF_STATUS = {status: code for code, status in reversed(HTTP_STATUS.items())}


@dataclass(frozen=True, slots=True)
class _Call:
    """A request; `content` holds the arguments of httpx that give it its body."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)


class RestProtocol:
    """Raw image bodies for one image, multipart for several."""

    def __init__(self, connection: Connection) -> None:
        self._address = connection.address
        self._served_model: str | None = None

    def steps(self, question: Question) -> Steps:
        """See `ClientProtocol`."""
        if question.model is None and self._served_model is None:
            ready = yield _Call("GET", "/readyz")
            self._served_model = str(ready["model"])
        name = question.model or self._served_model or ""
        query: dict[str, str] = {}
        if question.top_k is not None:
            query["top_k"] = str(question.top_k)
        if question.signature_name:
            query["signature_name"] = question.signature_name
        path = f"/v1/models/{quote(name, safe='')}:predict"
        if len(question.images) == 1:
            # The bytes decide what it is; the gateway only wants to know that it is no JSON.
            headers = {"content-type": "application/octet-stream"}
            answer = yield _Call("POST", path, query, headers, {"content": question.images[0]})
        else:
            files = [("image", (f"{index}", image)) for index, image in enumerate(question.images)]
            answer = yield _Call("POST", path, query, {}, {"files": files})
        return [_prediction(item, answer) for item in answer["predictions"]]

    def _options(self, call: _Call, seconds: float) -> dict[str, Any]:
        """What httpx is told."""
        headers = {**call.headers, "x-deadline-ms": str(max(1, round(seconds * 1000)))}
        return {"params": call.query, "headers": headers, "timeout": seconds + _GRACE_SECONDS, **call.content}

    def _no_answer(self, error: Exception, seconds: float) -> ServingError:
        if isinstance(error, httpx.TimeoutException):
            return ServingError(
                Code.DEADLINE_EXCEEDED, f"the gateway at {self._address} did not answer within {seconds:g} s"
            )
        return ServingError(Code.UNAVAILABLE, f"the gateway at {self._address} is not reachable: {error}")

    def _read(self, response: httpx.Response) -> dict[str, Any]:
        """The JSON of a good answer; raises a bad one."""
        code = _CODE_OF_STATUS.get(response.status_code, Code.UNKNOWN)
        try:
            document = response.json()
        except ValueError as error:
            raise ServingError(
                code,
                f"{self._address} answered {response.status_code} with something else than JSON; is it a gateway?",
            ) from error
        if response.is_success:
            return dict(document)
        if document.get("status") == "not ready":
            raise NotReadyError(f"the gateway at {self._address} is not ready: {document.get('reason')}")
        message = document.get("error") or document.get("reason") or response.reason_phrase
        if document.get("image") is not None:
            raise ImageRefusedError(message, document["reason"], document["image"])
        code = Code.__members__.get(document.get("code", ""), code)
        raise _failure(code, message, response.headers)


class RestTransport(RestProtocol):
    """Waits."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._http = httpx.Client(**_client_options(connection))

    def send(self, call: _Call, seconds: float) -> Any:
        """See `Transport`."""
        try:
            response = self._http.request(call.method, call.path, **self._options(call, seconds))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._no_answer(error, seconds) from error
        return self._read(response)

    def probe(self, seconds: float) -> None:
        """See `Transport`."""
        self.send(_Call("GET", "/readyz"), seconds)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


class AsyncRestTransport(RestProtocol):
    """Awaits."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._http = httpx.AsyncClient(**_client_options(connection))

    async def send(self, call: _Call, seconds: float) -> Any:
        """See `AsyncTransport`."""
        try:
            response = await self._http.request(call.method, call.path, **self._options(call, seconds))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._no_answer(error, seconds) from error
        return self._read(response)

    async def probe(self, seconds: float) -> None:
        """See `AsyncTransport`."""
        await self.send(_Call("GET", "/readyz"), seconds)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _client_options(connection: Connection) -> dict[str, Any]:
    scheme = "http" if connection.tls is None else "https"
    options: dict[str, Any] = {
        "base_url": f"{scheme}://{connection.address}",
        "headers": connection.authorization,
        # Straight to the address, as over gRPC: what an environment says of proxies, and ~/.netrc of passwords, is
        # meant for the way out.
        "trust_env": False,
    }
    if connection.tls is not None:
        options["verify"] = _context(connection.tls)
    return options


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca_file)
    if tls.certificate_file is not None:
        context.load_cert_chain(tls.certificate_file, tls.key_file)
    return context


def _failure(code: Code, message: str, headers: Mapping[str, str]) -> ServingError:
    wait = headers.get("retry-after", "")
    return BusyError(code, message, float(wait)) if wait.isdecimal() else ServingError(code, message)


def _prediction(item: dict[str, Any], answer: dict[str, Any]) -> Prediction:
    classes = tuple(
        ScoredClass(scored["label"], scored["class_id"], scored["confidence"]) for scored in item.get("top_k", ())
    )
    return build_prediction(
        classes,
        item.get("value"),
        model=answer["model"]["name"],
        version=int(answer["model"]["version"]),
        preprocessing_version=answer["preprocessing_version"],
    )
