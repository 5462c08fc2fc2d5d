"""The URL of an image, taken apart once so that what is checked is what is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from serving.errors import Code, ServingError

_LONGEST = 2048
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\]")
# Printable ASCII without a backslash, which browsers and Python read differently.
_CHARACTERS = re.compile(r"[!-\[\]-~]+")
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class ImageUrl:
    """Where an image lies.

    Attributes:
        host: in lower case; an IPv6 address stands in brackets.
        target: path and query.
    """

    scheme: str
    host: str
    port: int
    target: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def authority(self) -> str:
        """`host`, and `:port` where it is not the scheme's own."""
        return self.host if self.has_default_port else f"{self.host}:{self.port}"

    @property
    def has_default_port(self) -> bool:
        """Whether the port is the one that the scheme stands for."""
        return self.port == _DEFAULT_PORTS[self.scheme]

    def redirected(self, location: str) -> ImageUrl:
        """Where a redirect's `Location` leads; raises like `parse_image_url`."""
        return parse_image_url(urljoin(str(self), location))


def parse_image_url(text: str) -> ImageUrl:
    """Take a URL apart.

    Raises:
        ServingError: INVALID_ARGUMENT for anything but an absolute http or https URL without user and password.
    """
    shown = ascii(text[:100])
    if len(text) > _LONGEST or not _CHARACTERS.fullmatch(text):
        raise _invalid(f"URL {shown} must be up to {_LONGEST} characters of printable ASCII, others percent-encoded")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _invalid(f"URL {shown} can't be read: {error}") from error
    if parts.scheme not in _DEFAULT_PORTS:
        raise _invalid(f"URL {shown} must begin with https:// or http://")
    if "@" in parts.netloc:
        raise _invalid("a URL may not have a user or password in it")
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    if not _HOST.fullmatch(host) or port == 0:
        raise _invalid(f"URL {shown} has no usable host name or port")
    query = f"?{parts.query}" if parts.query else ""
    return ImageUrl(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], (parts.path or "/") + query)


def _invalid(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)
