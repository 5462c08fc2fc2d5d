"""The client over REST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import httpx

from serving.client.errors import ImageRefusedError
from serving.client.prediction import Prediction, ScoredClass, build_prediction
from serving.errors import HTTP_STATUS, Code, ServingError

# The gateway keeps the deadline itself; this much later the connection is taken for dead.
_GRACE_SECONDS = 2.0
_CODE_OF_STATUS = {status: code for code, status in reversed(HTTP_STATUS.items())}


class RestTransport:
    """Raw image bodies for one image, multipart for several."""

    def __init__(self, address: str) -> None:
        self._address = address
        base = address if "://" in address else f"http://{address}"
        self._http = httpx.Client(base_url=base)
        self._served_model: str | None = None

    def predict(
        self, images: Sequence[bytes], *, model: str | None, top_k: int | None, signature_name: str, timeout: float
    ) -> list[Prediction]:
        """See `Transport`."""
        name = model or self._served_model or self._ask_model(timeout)
        options: dict[str, str] = {}
        if top_k is not None:
            options["top_k"] = str(top_k)
        if signature_name:
            options["signature_name"] = signature_name
        content: dict[str, Any]
        headers = {"x-deadline-ms": str(max(1, round(timeout * 1000)))}
        if len(images) == 1:
            # The bytes decide what it is; the gateway only wants to know that it is no JSON.
            content = {"content": images[0]}
            headers["content-type"] = "application/octet-stream"
        else:
            content = {"files": [("image", (f"{index}", image)) for index, image in enumerate(images)]}
        answer = self._send(
            "POST",
            f"/v1/models/{quote(name, safe='')}:predict",
            params=options,
            headers=headers,
            timeout=timeout + _GRACE_SECONDS,
            **content,
        )
        return [_prediction(item, answer) for item in answer["predictions"]]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _ask_model(self, timeout: float) -> str:
        self._served_model = str(self._send("GET", "/readyz", timeout=timeout)["model"])
        return self._served_model

    def _send(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Send a request; returns the JSON of a good answer and raises a bad one."""
        try:
            response = self._http.request(method, path, **options)
        except httpx.TimeoutException as error:
            raise ServingError(
                Code.DEADLINE_EXCEEDED, f"the gateway at {self._address} did not answer within {options['timeout']:g} s"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServingError(Code.UNAVAILABLE, f"the gateway at {self._address} is not reachable: {error}") from error
        try:
            document = response.json()
        except ValueError as error:
            raise ServingError(
                _CODE_OF_STATUS.get(response.status_code, Code.UNKNOWN),
                f"{self._address} answered {response.status_code} with something else than JSON; is it a gateway?",
            ) from error
        if response.is_success:
            return dict(document)
        message = document.get("error") or document.get("reason") or response.reason_phrase
        if document.get("image") is not None:
            raise ImageRefusedError(message, document["reason"], document["image"])
        name = document.get("code", "")
        code = Code[name] if name in Code.__members__ else _CODE_OF_STATUS.get(response.status_code, Code.UNKNOWN)
        raise ServingError(code, message)


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
