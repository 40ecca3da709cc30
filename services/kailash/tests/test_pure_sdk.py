"""What is wrong in the SDKs at the versions of requirements.txt. A test that fails says that a cure of ours is needed
no more: take it out, and the test with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import websockets
from fastapi.testclient import TestClient
from kailash_mcp import MCPServer
from kailash_mcp.auth.providers import APIKeyAuth
from kailash_mcp.transports.transports import WebSocketServerTransport
from mcp.types import InitializeResult
from nexus import Nexus
from nexus.channels import SessionManager
from pydantic import ValidationError
from support import free_port

from knowledge.mcp import over_http
from knowledge.websocket import cure


def initialize(server: Any) -> Any:
    return asyncio.run(server._handle_initialize({"protocolVersion": "2025-06-18"}, 1, "client"))["result"]


def test_initialize_has_to_be_cured() -> None:
    """knowledge.websocket.cure: the official client refuses `experimental: {x: true}`."""
    with pytest.raises(ValidationError, match="experimental"):
        InitializeResult.model_validate(initialize(MCPServer("shipped")))
    assert InitializeResult.model_validate(initialize(cure(MCPServer("cured")))).serverInfo.name == "cured"


def test_the_websocket_has_to_be_guarded() -> None:
    """knowledge.websocket.Channel: it is open to everybody, whatever its auth_provider is."""

    async def whole() -> Any:
        server = MCPServer("shipped", transport="websocket", auth_provider=APIKeyAuth(["a-key"]))
        transport = WebSocketServerTransport(
            host="127.0.0.1",
            port=free_port(),
            message_handler=server._handle_websocket_message,
            auth_provider=server.auth_provider,
        )
        await transport.connect()
        try:
            async with websockets.connect(f"ws://127.0.0.1:{transport.port}") as anonymous:
                await anonymous.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}))
                return json.loads(await anonymous.recv())
        finally:
            await transport.disconnect()

    assert "tools" in asyncio.run(whole())["result"]


def test_hosts_have_to_be_named() -> None:
    """knowledge.mcp.over_http: by the name of a service, or through an edge, it answers 421."""
    ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"Accept": "application/json, text/event-stream", "Host": "mcp:8001"}
    shipped = MCPServer("shipped")
    shipped._init_mcp()
    for app, status in ((shipped._mcp.streamable_http_app(), 421), (over_http(MCPServer("ours"), ("mcp:*",)), 200)):
        with TestClient(app) as client:
            assert client.post("/mcp", json=ask, headers=headers).status_code == status


def test_a_description_is_only_of_one_transport() -> None:
    """knowledge.mcp.server: hence it is the docstring of the tool."""
    server = MCPServer("shipped")

    @server.tool(description="What it does.")
    async def work() -> str:
        return ""

    assert [tool.description for tool in asyncio.run(server._mcp.list_tools())] == [""]


def test_what_a_tool_gives_has_to_be_text() -> None:
    """knowledge.mcp.server: else it goes out as Python writes it, which is no JSON."""
    server = MCPServer("shipped")

    @server.tool()
    async def give() -> dict[str, None]:
        return {"nothing": None}

    answer: Any = asyncio.run(server._handle_call_tool({"name": "give", "arguments": {}}, 1, "client"))
    assert answer["result"]["content"][0]["text"] == "{'nothing': None}"


def test_it_serves_no_http_by_itself() -> None:
    """knowledge.mcp.over_http takes what lies under it."""
    assert not hasattr(MCPServer, "streamable_http_app")


@pytest.fixture
def measure() -> Iterator[Any]:
    """Makes a Nexus with one handler, and a client of its gateway."""
    made: list[Nexus] = []

    def make(durable: bool) -> TestClient:
        nexus = Nexus(api_port=free_port(), mcp_port=free_port(), enable_durability=durable, rate_limit=None)
        calls: list[str] = []

        @nexus.handler("count")
        async def count(word: str) -> dict[str, int]:
            calls.append(word)
            return {"calls": len(calls)}

        nexus.start(blocking=False)
        made.append(nexus)
        return TestClient(nexus.fastapi_app)

    yield make
    for nexus in made:
        nexus.stop()


def test_durability_has_to_be_off(measure: Any) -> None:
    """knowledge.channels.nexus: a second POST is answered from a cache that all callers share."""
    for durable in (True, False):
        client = measure(durable)
        body = {"inputs": {"word": "a word of this test"}}
        first, second = (client.post("/workflows/count/execute", json=body) for _ in range(2))
        assert ("cached" in second.text and '"calls":2' not in second.text) == durable, (first.text, second.text)


def test_what_outlives_its_request_is_kept_in_memory_for_ever(measure: Any) -> None:
    """knowledge.channels._no_async."""
    client = measure(False)
    begun = [
        client.post("/workflows/count/execute", json={"inputs": {"word": str(n)}, "mode": "async"}).json()
        for n in range(50)
    ]
    assert client.get(f"/workflows/count/status/{begun[0]['execution_id']}").status_code == 200


def test_sessions_are_of_one_process() -> None:
    """knowledge.sessions."""
    one, other = SessionManager(), SessionManager()
    one.create_session("s", "api")
    assert one.sync_session("s", "cli") and other.sync_session("s", "cli") is None


def test_types_have_to_be_no_text() -> None:
    """knowledge.channels: with `from __future__ import annotations` a handler's int becomes a str."""
    from kailash.nodes.handler import make_handler_workflow
    from kailash.runtime import AsyncLocalRuntime

    async def kind(limit: int = 1) -> dict[str, str]:
        return {"kind": type(limit).__name__}

    workflow = make_handler_workflow(kind, node_id="handler")
    results = asyncio.run(AsyncLocalRuntime().execute_workflow_async(workflow, {"limit": 3}))[0]
    assert results["handler"] == {"kind": "str"}
