"""Images by URL, fetched from a real HTTP server; only its loopback address had to be permitted."""

import asyncio
import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from serving.errors import Code, ServingError
from serving.gateway import image_fetcher
from serving.gateway.image_fetcher import ImageFetcher
from serving.gateway.limits import Limiter
from serving.gateway.record import RequestRecord
from serving.gateway.settings import GatewaySettings, ImageUrlSettings
from tests.serving.gateway.pictures import GREEN, RED
from tests.serving.gateway.running import running_gateway

pytest_plugins = ("tests.serving.gateway.fixtures",)


class Site(BaseHTTPRequestHandler):
    """Pictures, redirects, and misbehaviour, by path."""

    asked: list[str]

    def do_GET(self):
        self.server.asked.append(f"{self.headers['host']}{self.path}")
        name, _, argument = self.path.lstrip("/").partition("/")
        if name == "to":
            self.send_response(302)
            self.send_header("location", argument)
            self.end_headers()
            return
        if name == "slow":
            time.sleep(1)
        if name == "missing":
            self.send_error(404)
            return
        self.send_response(200)
        if name == "packed":
            self.send_header("content-encoding", "gzip")
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write({"green": GREEN, "large": b"x" * 50_000}.get(name, RED))

    def log_message(self, *arguments):
        pass


@pytest.fixture
def site():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield SimpleNamespace(port=server.server_port, asked=server.asked)
    server.shutdown()
    server.server_close()


def fetch(site, *paths, permits=lambda address: True, addresses=("127.0.0.1",), **settings):
    options = {"allowed_hosts": [f"pictures.test:{site.port}"], "allow_http": True, **settings}

    base = f"http://pictures.test:{site.port}"

    async def resolve(host, port):
        return addresses

    async def run():
        fetcher = ImageFetcher(ImageUrlSettings(**options), max_bytes=20_000, permits=permits, resolve=resolve)
        record = RequestRecord("id", "rest", "predict", 10)
        try:
            with Limiter(GatewaySettings()).buffer() as buffer:
                urls = [fetcher.parse(f"{base}{path}" if path.startswith("/") else path) for path in paths]
                return await fetcher.fetch(urls, buffer, record)
        finally:
            await fetcher.close()

    return asyncio.run(run())


def test_images_arrive_in_order(site):
    assert fetch(site, "/red", "/green", "/red") == [RED, GREEN, RED]


def test_the_server_is_told_the_name_not_the_address(site):
    fetch(site, "/red")

    assert site.asked == [f"pictures.test:{site.port}/red"]


def test_redirects_are_followed(site):
    assert fetch(site, "/to//green") == [GREEN]


@pytest.mark.parametrize(
    "url",
    ["http://other.test/x", "http://pictures.test/x", "http://pictures.test.evil.test/x", "http://127.0.0.1/x"],
)
def test_only_listed_hosts_and_ports_are_asked(site, url):
    for how in (url, f"/to/{url}"):
        with pytest.raises(ServingError) as failure:
            fetch(site, how)
        assert failure.value.code is Code.PERMISSION_DENIED
    assert len(site.asked) == 1  # the redirect itself


def test_plain_http_must_be_allowed(site):
    with pytest.raises(ServingError, match="https") as failure:
        fetch(site, "/red", allow_http=False)

    assert failure.value.code is Code.PERMISSION_DENIED


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["169.254.169.254"], ["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], []]
)
def test_a_name_that_leads_to_a_private_address_is_not_asked(site, addresses):
    with pytest.raises(ServingError, match="public") as failure:
        fetch(site, "/red", permits=image_fetcher.is_public_address, addresses=addresses)

    assert failure.value.code is Code.PERMISSION_DENIED
    assert site.asked == []


def test_a_redirect_to_a_private_address_is_not_followed(site):
    """Its host may be listed all the same: a listed name that DNS points at the inside."""
    permitted = iter([True, False])
    with pytest.raises(ServingError, match="public"):
        fetch(site, "/to//red", permits=lambda address: next(permitted))

    assert len(site.asked) == 1


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [
        ("/missing", Code.FAILED_PRECONDITION, "404"),
        ("/large", Code.INVALID_ARGUMENT, "20000"),
        ("/packed", Code.FAILED_PRECONDITION, "compressed"),
        ("/slow", Code.FAILED_PRECONDITION, "0.3 s"),
        ("/to//to//to//to//to//red", Code.FAILED_PRECONDITION, "redirects"),
        ("/to/file:///etc/passwd", Code.INVALID_ARGUMENT, "https://"),
    ],
)
def test_what_goes_wrong_is_said_with_the_images_place(site, path, code, text):
    with pytest.raises(ServingError, match=text) as failure:
        fetch(site, "/red", path, timeout_seconds=0.3)

    assert failure.value.code is code
    assert failure.value.message.startswith("image 1: ")


def test_nobody_there_is_said(site):
    with pytest.raises(ServingError, match="could not be fetched"):
        fetch(site, "http://pictures.test:1/x", allowed_hosts=["pictures.test:1"])


def test_wildcards_admit_what_is_below(site):
    found = fetch(site, f"http://a.b.pictures.test:{site.port}/red", allowed_hosts=[f"*.pictures.test:{site.port}"])

    assert found == [RED]
    with pytest.raises(ServingError):
        fetch(site, f"http://pictures.test:{site.port}/red", allowed_hosts=[f"*.pictures.test:{site.port}"])


def test_a_gateway_answers_about_images_by_url(site, backend, monkeypatch):
    monkeypatch.setattr(
        image_fetcher.ImageFetcher.__init__,
        "__kwdefaults__",
        {
            "permits": lambda address: True,
            "resolve": image_fetcher.resolve_host,
        },
    )
    urls = {"allowed_hosts": [f"localhost:{site.port}"], "allow_http": True}
    with running_gateway(backend.address, image_urls=urls) as gateway:
        answer = gateway.post(
            f'{{"images": [{{"url": "http://localhost:{site.port}/green"}}]}}', content_type="application/json"
        )

    assert answer.json()["predictions"][0]["label"] == "cat"
    assert answer.json()["timing_ms"]["fetch"] > 0
    assert list(backend.requests[0].inputs["image_bytes"].string_val) == [GREEN]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_gateway_never_asks_a_private_address(site, backend, host):
    urls = {"allowed_hosts": [f"{host}:{site.port}"], "allow_http": True}
    with running_gateway(backend.address, image_urls=urls) as gateway:
        answer = gateway.post(
            f'{{"images": [{{"url": "http://{host}:{site.port}/red"}}]}}', content_type="application/json"
        )

    assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
    assert site.asked == []


def test_urls_are_off_unless_hosts_are_listed(backend):
    with running_gateway(backend.address) as gateway:
        answer = gateway.post('{"images": [{"url": "https://example.org/x"}]}', content_type="application/json")

    assert (answer.status_code, "allowed_hosts" in answer.json()["error"]) == (403, True)
