"""Serves the pages and the OpenAPI document. They load nothing from elsewhere, and the browser is told to see to it."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.metadata import version as installed_version
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

# Path -> (file, media type). Only these files are served.
_FILES = {
    "/": ("index.html", "text/html"),
    "/docs": ("docs.html", "text/html"),
    "/openapi.json": ("openapi.json", "application/json"),
    "/static/pages.css": ("pages.css", "text/css"),
    "/static/try.js": ("try.js", "text/javascript"),
    "/static/model.js": ("model.js", "text/javascript"),
    "/static/docs.js": ("docs.js", "text/javascript"),
    "/static/icon.svg": ("icon.svg", "image/svg+xml"),
}

# Scripts and styles come from files alone, so no text that a model or an image brings can become one.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page_routes(*, secured: bool) -> list[Route]:
    """The pages' paths.

    Args:
        secured: whether callers must authenticate; otherwise the OpenAPI document asks for nothing.
    """

    async def serve(request: Request) -> Response:
        return _serve(request, secured=secured)

    return [Route(path, serve) for path in _FILES]


def _serve(request: Request, *, secured: bool) -> Response:
    name, media_type = _FILES[request.scope["path"]]
    content, tag = _read(name, secured)
    headers = {
        "content-security-policy": _POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        # Asked for anew each time and not sent again: a browser must not mix the files of two releases.
        "cache-control": "no-cache",
        "etag": tag,
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=media_type)


@cache
def _read(name: str, secured: bool) -> tuple[bytes, str]:
    """A file's content and its entity tag."""
    content = (files(__package__) / "static" / name).read_bytes()
    if name == "openapi.json":
        document = json.loads(content)
        document["info"]["version"] = installed_version("darkroom")
        if not secured:
            for methods in document["paths"].values():
                for operation in methods.values():
                    operation.pop("security", None)
        content = json.dumps(document, ensure_ascii=False).encode()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
