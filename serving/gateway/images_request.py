"""Images inside a JSON body: `{"images": [{"b64": "…"}, {"url": "https://…"}], "top_k": 3, "signature_name": "…"}`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from serving import rest_json
from serving.errors import Code, ServingError
from serving.rest_json.quoting import kind_name, quote
from serving.rest_json.values import string

_KEYS = {"images", "top_k", "signature_name"}


@dataclass(frozen=True, slots=True)
class ImagesRequest:
    """What such a body asks.

    Attributes:
        images: encoded images as bytes, URLs as text.
        top_k: None where the body has none.
    """

    images: tuple[bytes | str, ...]
    top_k: int | None
    signature_name: str


def is_images_request(body: rest_json.JsonBody) -> bool:
    """Whether a body is in this form; TF Serving's has `instances`, `inputs` or `examples`."""
    return "images" in body.document


def parse_images_request(body: rest_json.JsonBody) -> ImagesRequest:
    """Read the body.

    Raises:
        ServingError: INVALID_ARGUMENT that says which part is wrong.
    """
    document = body.document
    for key in document:
        if key not in _KEYS:
            raise _invalid(f"unknown key {key[:50]!r} beside 'images'; there are {', '.join(sorted(_KEYS))}")
    listed = document["images"]
    if not isinstance(listed, list) or not listed:
        raise _invalid(f"'images' must be a list of at least one image, got {quote(listed)}")
    top_k = document.get("top_k")
    if top_k is not None and type(top_k) is not int:
        raise _invalid(f"'top_k' must be a whole number, got {quote(top_k)}")
    images = tuple(_image(index, item) for index, item in enumerate(listed))
    return ImagesRequest(images, top_k, body.signature_name)


def _image(index: int, item: Any) -> bytes | str:
    if type(item) is dict and len(item) == 1:
        if type(item.get("url")) is str:
            return str(item["url"])
        if type(item.get("b64")) is str:
            try:
                return string(item)
            except ServingError as error:
                raise _invalid(f"image {index}: {error.message}") from error
    raise _invalid(f'image {index} must be {{"b64": "…"}} or {{"url": "…"}}, got {kind_name(item)} {quote(item)}')


def _invalid(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)
