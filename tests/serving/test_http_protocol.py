"""Clients that connect and never come to their request."""

import asyncio
import contextlib

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from serving.http_protocol import ConnectionLimits, protocol_with
from serving.http_server import HttpServer

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(request):
    return PlainTextResponse("hello")


def talking(scenario, *, head_seconds=0.2, most=100):
    """Run `scenario(connect)` against a server with these limits."""

    async def run():
        app = Starlette(routes=[Route("/", hello, methods=["GET", "POST"])])
        limits = ConnectionLimits(head_seconds, most)
        server = HttpServer(app, host="127.0.0.1", port=0, http=protocol_with(limits))
        port = await server.start()
        writers = []

        async def connect(*pieces):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writers.append(writer)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return reader, writer

        try:
            async with asyncio.timeout(20):
                return await scenario(connect)
        finally:
            for writer in writers:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
            await server.stop(0.1)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", b""),
        (b"GET / HT", b"HTTP/1.1 408"),
        (REQUEST[:-2], b"HTTP/1.1 408"),
    ],
)
def test_a_head_that_does_not_come_ends_the_connection(sent, status):
    async def scenario(connect):
        reader, _ = await connect(sent)
        return await reader.read()

    answer = talking(scenario)
    assert answer.startswith(status) if status else answer == b""


def test_the_head_of_a_second_request_has_the_same_time():
    async def scenario(connect):
        reader, _ = await connect(REQUEST, b"GET / HT")
        return await reader.read()

    answer = talking(scenario)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 408" in answer


def test_an_idle_connection_that_was_used_stays():
    async def scenario(connect):
        reader, writer = await connect(REQUEST)
        first = await reader.readuntil(b"hello")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await reader.read(1)
        writer.write(REQUEST)
        return first, await reader.readuntil(b"hello")

    assert all(answer.startswith(b"HTTP/1.1 200") for answer in talking(scenario))


def test_a_head_without_end_is_refused():
    async def scenario(connect):
        reader, _ = await connect(b"GET / HTTP/1.1\r\n", *[b"x-%d: %s\r\n" % (n, b"y" * 1000) for n in range(80)])
        return await reader.read()

    assert talking(scenario, head_seconds=10).startswith(b"HTTP/1.1 431")


def test_a_body_that_goes_on_after_its_answer_ends_the_connection():
    async def scenario(connect):
        reader, writer = await connect(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        await reader.readuntil(b"hello")

        async def dribble():
            while True:
                writer.write(b".")
                await asyncio.sleep(0.05)

        dribbling = asyncio.create_task(dribble())
        rest = await reader.read()
        dribbling.cancel()
        return rest

    assert talking(scenario) == b""


def test_connections_beyond_the_limit_are_told():
    async def scenario(connect):
        for _ in range(3):
            await connect(b"GET /")
        reader, _ = await connect(REQUEST)
        return await reader.read()

    answer = talking(scenario, head_seconds=10, most=3)
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in answer
