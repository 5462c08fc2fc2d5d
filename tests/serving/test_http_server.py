import asyncio
import contextlib

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from serving.http_server import HttpServer


def app_with(handler, **options) -> Starlette:
    return Starlette(routes=[Route("/", handler)], **options)


async def hello(request):
    return PlainTextResponse("hello")


def test_port_zero_gives_the_bound_port():
    async def scenario():
        server = HttpServer(app_with(hello), host="127.0.0.1", port=0)
        port = await server.start()
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{port}/")
        await server.stop(1)
        with pytest.raises(httpx.ConnectError):
            async with httpx.AsyncClient() as client:
                await client.get(f"http://127.0.0.1:{port}/")
        return port, server.port, answer.text

    port, same, text = asyncio.run(scenario())
    assert port == same > 0
    assert text == "hello"


def test_stop_lets_a_request_under_way_finish():
    async def scenario():
        started = asyncio.Event()

        async def slow(request):
            started.set()
            await asyncio.sleep(0.5)
            return PlainTextResponse("done")

        server = HttpServer(app_with(slow), host="127.0.0.1", port=0)
        port = await server.start()
        async with httpx.AsyncClient() as client:
            asking = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/"))
            await started.wait()
            await server.stop(5)
            return (await asking).text

    assert asyncio.run(scenario()) == "done"


def test_stop_cancels_what_outlasts_the_grace():
    async def scenario():
        started = asyncio.Event()

        async def endless(request):
            started.set()
            await asyncio.sleep(60)

        server = HttpServer(app_with(endless), host="127.0.0.1", port=0)
        port = await server.start()
        async with httpx.AsyncClient() as client:
            asking = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/"))
            await started.wait()
            await asyncio.wait_for(server.stop(0.2), 5)
            return await asyncio.gather(asking, return_exceptions=True)

    asyncio.run(scenario())


def test_a_taken_port_is_an_error_that_names_it():
    async def scenario():
        first = HttpServer(app_with(hello), host="127.0.0.1", port=0)
        port = await first.start()
        try:
            with pytest.raises(OSError, match=f"Cannot listen on 127.0.0.1:{port}"):
                await HttpServer(app_with(hello), host="127.0.0.1", port=port).start()
        finally:
            await first.stop(1)

    asyncio.run(scenario())


def test_a_failing_lifespan_is_an_error_and_does_not_end_the_process():
    @contextlib.asynccontextmanager
    async def broken(app):
        raise ValueError("no database")
        yield

    async def scenario():
        with pytest.raises(RuntimeError, match="lifespan"):
            await HttpServer(app_with(hello, lifespan=broken), host="127.0.0.1", port=0).start()

    asyncio.run(scenario())
