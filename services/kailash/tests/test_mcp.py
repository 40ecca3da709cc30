"""The service `mcp` as a process, and the official client (PyPI mcp) that calls it: KD-02, KD-12, KD-13, KD-61."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.client.websocket import websocket_client
from support import ANSWER, BEARER, TOKEN, Service, running, stand_in
from websockets.exceptions import ConnectionClosed, InvalidStatus

ASK = {
    "jsonrpc": "2.0",
    "id": 7,
    "method": "tools/call",
    "params": {"name": "ask", "arguments": {"question": "Where?"}},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with stand_in() as (url, _), running("mcp", tmp_path_factory.mktemp("mcp"), DATAFLOW_URL=url) as service:
        yield service


@asynccontextmanager
async def over_http(service: Service) -> AsyncIterator[ClientSession]:
    async with (
        httpx.AsyncClient(headers=BEARER) as client,
        streamable_http_client(service.url("/mcp"), http_client=client) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        yield session


@asynccontextmanager
async def over_websocket(service: Service) -> AsyncIterator[ClientSession]:
    async with (
        websocket_client(f"ws://mcp:{TOKEN}@127.0.0.1:{service.websocket_port}") as (read, write),
        ClientSession(read, write) as session,
    ):
        yield session


Way = Callable[[Service], Any]


@pytest.mark.parametrize("way", [over_http, over_websocket])
def test_the_official_client_lists_and_calls(way: Way, service: Service) -> None:
    async def whole() -> None:
        async with way(service) as session:
            await session.initialize()
            tools = (await session.list_tools()).tools
            assert {tool.name for tool in tools} == {"ask", "add_document", "find_documents"}
            asks = next(tool for tool in tools if tool.name == "ask")
            assert asks.description and asks.inputSchema["properties"]["question"]["type"] == "string"
            answer = await session.call_tool("ask", {"question": "Where?"})
            assert not answer.isError and json.loads(answer.content[0].text) == ANSWER  # type: ignore[union-attr]
            refused = await session.call_tool("ask", {"question": ""})
            assert refused.isError and "needs 1 to 2000" in refused.content[0].text  # type: ignore[union-attr]

    asyncio.run(asyncio.wait_for(whole(), 30))


def test_nobody_gets_in_without_a_token(service: Service) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        accepts = headers | {"Accept": "application/json, text/event-stream"}
        assert httpx.post(service.url("/mcp"), json=ASK, headers=accepts).status_code == 401

        async def connect(headers: dict[str, str] = headers) -> None:
            async with websockets.connect(service.websocket(), additional_headers=headers):
                raise AssertionError("it is open")

        with pytest.raises(InvalidStatus, match="401"):
            asyncio.run(connect())
    # The edge asks each port that it leads to.
    assert httpx.get(service.websocket().replace("ws", "http") + "/health").status_code == 200
    assert service.metric('mcp_websockets_closed_total{reason="refused"}') == 2


def test_a_stream_that_nothing_comes_on_is_not_opened(service: Service) -> None:
    answer = httpx.get(service.url("/mcp"), headers=BEARER | {"Accept": "text/event-stream"})
    assert answer.status_code == 405 and answer.headers["allow"] == "POST"


def test_health_is_its_own_and_readiness_that_of_its_dependency(tmp_path: Path) -> None:
    """KD-28, KD-30."""
    with stand_in() as (url, dataflow), running("mcp", tmp_path, DATAFLOW_URL=url) as service:
        assert httpx.get(service.url("/ready")).status_code == 200
        dataflow.ready = 503
        assert httpx.get(service.url("/ready")).status_code == 503
        assert httpx.get(service.url("/health")).status_code == 200


def test_so_many_connections_and_messages_of_a_size(tmp_path: Path) -> None:
    """KD-13: memory is bounded."""

    async def whole(service: Service) -> None:
        kept = [await websockets.connect(service.websocket(), additional_headers=BEARER) for _ in range(3)]
        with pytest.raises(InvalidStatus, match="503"):
            await websockets.connect(service.websocket(), additional_headers=BEARER)
        await kept[0].send("x" * 1_000_001)
        with pytest.raises(ConnectionClosed) as closed:
            await kept[0].recv()
        assert closed.value.rcvd and closed.value.rcvd.code == 1009
        # Its place is another one's.
        async with websockets.connect(service.websocket(), additional_headers=BEARER) as other:
            await other.send(json.dumps(ASK))
            assert json.loads(await other.recv())["id"] == 7
        for socket in kept:
            await socket.close()

    with stand_in() as (url, _), running("mcp", tmp_path, DATAFLOW_URL=url, WEBSOCKET_CONNECTIONS="3") as service:
        asyncio.run(asyncio.wait_for(whole(service), 30))


def test_a_connection_has_so_many_calls_at_a_time(tmp_path: Path) -> None:
    async def whole(service: Service) -> float:
        async with websockets.connect(service.websocket(), additional_headers=BEARER) as socket:
            started = time.monotonic()
            for n in range(16):
                await socket.send(json.dumps(ASK | {"id": n}))
            assert sorted([json.loads(await socket.recv())["id"] for _ in range(16)]) == list(range(16))
            return time.monotonic() - started

    with stand_in(slow=0.5) as (url, _), running("mcp", tmp_path, DATAFLOW_URL=url) as service:
        # Sixteen at a time would take one turn.
        assert asyncio.run(asyncio.wait_for(whole(service), 30)) > 0.95


def test_a_stop_answers_what_is_under_way_and_asks_the_others_to_come_back(tmp_path: Path) -> None:
    """KD-12: 1012 is "service restart"; a call that was begun is answered, and none is begun and left."""

    async def whole(service: Service, dataflow: Any) -> None:
        idle = await websockets.connect(service.websocket(), additional_headers=BEARER)
        busy = await websockets.connect(service.websocket(), additional_headers=BEARER)
        await busy.send(json.dumps(ASK))
        call = asyncio.create_task(asyncio.to_thread(_over_http, service))
        while len(dataflow.asked) < 2:
            await asyncio.sleep(0.05)
        stopped = asyncio.create_task(asyncio.to_thread(service.stop))
        assert json.loads(await busy.recv())["result"]["content"]
        for socket in (idle, busy):
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd and closed.value.rcvd.code == 1012
            assert closed.value.rcvd.reason == "service restart, connect again"
        assert await call == 200
        assert await stopped == 0

    with stand_in(slow=1.5) as (url, dataflow), running("mcp", tmp_path, DATAFLOW_URL=url) as service:
        asyncio.run(asyncio.wait_for(whole(service, dataflow), 40))


def _over_http(service: Service) -> int:
    accepts = BEARER | {"Accept": "application/json, text/event-stream"}
    return httpx.post(service.url("/mcp"), json=ASK, headers=accepts, timeout=20).status_code


def test_it_waits_so_long_for_calls_and_no_longer(tmp_path: Path) -> None:
    async def whole(service: Service, dataflow: Any) -> None:
        async with websockets.connect(service.websocket(), additional_headers=BEARER) as socket:
            await socket.send(json.dumps(ASK))
            while not dataflow.asked:
                await asyncio.sleep(0.05)
            started = time.monotonic()
            work: Awaitable[int] = asyncio.to_thread(service.stop)
            assert await work == 0 and time.monotonic() - started < 6
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd and closed.value.rcvd.code == 1012

    with stand_in(slow=10) as (url, dataflow), running("mcp", tmp_path, DATAFLOW_URL=url, DRAIN_SECONDS="1") as service:
        asyncio.run(asyncio.wait_for(whole(service, dataflow), 40))
