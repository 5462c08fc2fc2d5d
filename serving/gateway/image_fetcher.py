"""Images that a request names by URL: fetched only from hosts that the configuration lists, never from private ones.

A name can lead anywhere: DNS may answer with a loopback address, a redirect may point at a cloud's metadata service,
and the second DNS answer may differ from the first. So the check sits where connections are made: every connection,
the first one's and each redirect's, resolves the host itself, refuses unless every address is public, and connects to
the very address that was checked. TLS still verifies the certificate against the host's name.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from serving.errors import Code, ServingError
from serving.gateway.addresses import is_public_address
from serving.gateway.image_url import ImageUrl, parse_image_url
from serving.gateway.limits import Buffer
from serving.gateway.overload.errors import OverloadedError
from serving.gateway.record import RequestRecord
from serving.gateway.settings import ImageUrlSettings

if TYPE_CHECKING:
    import httpcore

_REDIRECTS = (301, 302, 303, 307, 308)
# One request must not open as many connections as it may have images.
_AT_ONCE = 8
_CONNECTIONS = 32

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """The addresses of a host name.

    Raises:
        OSError: it has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for _, _, _, _, address in found]


class ImageFetcher:
    """Fetches images by URL within the settings' bounds."""

    def __init__(
        self,
        settings: ImageUrlSettings,
        *,
        max_bytes: int,
        permits: Callable[[str], bool] = is_public_address,
        resolve: Resolve = resolve_host,
    ) -> None:
        """Nothing is opened yet.

        Args:
            settings: which hosts, how long, how many redirects.
            max_bytes: of one image.
            permits: whether an address may be connected to.
            resolve: host name and port to addresses.
        """
        self._settings = settings
        self._max_bytes = max_bytes
        self._permits = permits
        self._resolve = resolve
        self._opened: httpcore.AsyncConnectionPool | None = None

    def parse(self, text: str) -> ImageUrl:
        """Take a URL apart and check it against the allow-list.

        Raises:
            ServingError: INVALID_ARGUMENT for what is no URL, PERMISSION_DENIED for a host that is not listed.
        """
        if not self._settings.allowed_hosts:
            raise ServingError(
                Code.PERMISSION_DENIED,
                "images by URL are switched off; serving.image_urls.allowed_hosts lists the hosts they may come from. "
                "Send the image itself",
            )
        url = parse_image_url(text)
        self._check(url)
        return url

    def _check(self, url: ImageUrl) -> None:
        if url.scheme == "http" and not self._settings.allow_http:
            raise ServingError(Code.PERMISSION_DENIED, f"URL of {url.host} is http, and only https is allowed")
        if not any(_matches(url, allowed) for allowed in self._settings.allowed_hosts):
            raise ServingError(
                Code.PERMISSION_DENIED, f"host {url.authority} is not in serving.image_urls.allowed_hosts"
            )

    async def fetch(self, urls: Iterable[ImageUrl], buffer: Buffer, record: RequestRecord) -> list[bytes]:
        """The images behind `urls`, in their order; all fail when one does.

        Raises:
            ServingError: PERMISSION_DENIED for a redirect to a host that is not listed or an address that is not
                public; FAILED_PRECONDITION when the other server does not deliver; INVALID_ARGUMENT for too many bytes.
        """
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(url: ImageUrl) -> bytes:
            async with turns:
                return await self._fetch_one(url, buffer, record)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_kept(one(url))) for url in urls]
        found: list[bytes] = []
        for index, task in enumerate(tasks):
            outcome = task.result()
            if isinstance(outcome, OverloadedError):
                raise outcome
            if isinstance(outcome, ServingError):
                raise ServingError(outcome.code, f"image {index}: {outcome.message}") from outcome
            found.append(outcome)
        return found

    async def _fetch_one(self, url: ImageUrl, buffer: Buffer, record: RequestRecord) -> bytes:
        import httpcore  # noqa: PLC0415 - only gateways that fetch pay for an HTTP client

        asked = url
        try:
            async with asyncio.timeout(min(self._settings.timeout_seconds, record.remaining())):
                for _ in range(self._settings.max_redirects + 1):
                    found = await self._ask(url, buffer)
                    if isinstance(found, bytes):
                        return found
                    url = found
                    self._check(url)
        except TimeoutError as error:
            record.remaining()
            raise _failed(asked, f"did not deliver within {self._settings.timeout_seconds:g} s") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise _failed(asked, str(error) or type(error).__name__) from error
        raise _failed(asked, f"redirects more than {self._settings.max_redirects} times")

    async def _ask(self, url: ImageUrl, buffer: Buffer) -> bytes | ImageUrl:
        """The image, or where else to look."""
        import httpcore  # noqa: PLC0415

        target = httpcore.URL(
            scheme=url.scheme.encode(),
            host=url.host.strip("[]").encode(),
            port=None if url.has_default_port else url.port,
            target=url.target.encode(),
        )
        headers = [
            (b"host", url.authority.encode()),
            (b"accept", b"image/*"),
            # Compressed, a small answer could unpack to anything; images are compressed already.
            (b"accept-encoding", b"identity"),
            (b"user-agent", b"darkroom-gateway"),
        ]
        async with self._pool().stream("GET", target, headers=headers) as response:
            answered = {name.lower(): value for name, value in response.headers}
            if response.status in _REDIRECTS and b"location" in answered:
                return url.redirected(answered[b"location"].decode("latin-1"))
            if response.status != 200:
                raise _failed(url, f"answered {response.status}")
            if answered.get(b"content-encoding", b"identity").lower() != b"identity":
                raise _failed(url, "sent the image compressed, which was not asked for")
            pieces: list[bytes] = []
            received = 0
            async for piece in response.aiter_stream():
                received += len(piece)
                if received > self._max_bytes:
                    raise ServingError(
                        Code.INVALID_ARGUMENT,
                        f"{url.host} sent more than {self._max_bytes} bytes, the limit of an image",
                    )
                buffer.grow_to(buffer.size + len(piece))
                pieces.append(piece)
            return b"".join(pieces)

    def _pool(self) -> httpcore.AsyncConnectionPool:
        if self._opened is None:
            self._opened = _guarded_pool(self._permits, self._resolve)
        return self._opened

    async def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.aclose()


async def _kept(work: Awaitable[bytes]) -> bytes | ServingError:
    """An error as a value, so that the first image's is told and not whichever came first."""
    try:
        return await work
    except ServingError as error:
        return error


def _guarded_pool(permits: Callable[[str], bool], resolve: Resolve) -> httpcore.AsyncConnectionPool:
    import httpcore  # noqa: PLC0415

    class GuardedNetwork(httpcore.AsyncNetworkBackend):
        """Connects to permitted addresses only."""

        def __init__(self) -> None:
            self._network = httpcore.AnyIOBackend()

        async def connect_tcp(self, host: str, port: int, *arguments: Any, **options: Any) -> Any:
            try:
                addresses = list(dict.fromkeys(await resolve(host, port)))
            except (OSError, UnicodeError) as error:
                raise httpcore.ConnectError(f"the name {host} has no address") from error
            # One private address among public ones is how a rebinding attack looks.
            if not addresses or not all(permits(address) for address in addresses):
                raise ServingError(Code.PERMISSION_DENIED, f"host {host} is not on the public internet")
            failure: Exception | None = None
            for address in addresses:
                try:
                    return await self._network.connect_tcp(address, port, *arguments, **options)
                except httpcore.ConnectError as error:
                    failure = error
            raise failure or httpcore.ConnectError("no address")

        async def connect_unix_socket(self, path: str, *arguments: Any, **options: Any) -> Any:
            raise NotImplementedError

        async def sleep(self, seconds: float) -> None:
            await self._network.sleep(seconds)

    # Connections are not kept: the next request is to resolve and check anew.
    return httpcore.AsyncConnectionPool(
        network_backend=GuardedNetwork(), max_connections=_CONNECTIONS, max_keepalive_connections=0
    )


def _matches(url: ImageUrl, allowed: str) -> bool:
    """Whether an entry of the allow-list, `host`, `*.host` or either with `:port`, admits a URL."""
    name, colon, port = allowed.rpartition(":") if not allowed.endswith("]") else (allowed, "", "")
    if not colon:
        name = allowed
        if not url.has_default_port:
            return False
    elif url.port != int(port):
        return False
    name = name.lower()
    if name.startswith("*."):
        return url.host.endswith(name[1:]) and len(url.host) > len(name) - 1
    return url.host == name


def _failed(url: ImageUrl, reason: str) -> ServingError:
    return ServingError(Code.FAILED_PRECONDITION, f"could not be fetched: {url.host} {reason}")
