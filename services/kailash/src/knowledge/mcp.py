"""The service `mcp`: one MCP server, over streamable HTTP at /mcp and over WebSocket on a port of its own.

kailash-mcp serves WebSocket and stdio; what lies under it (the official SDK's FastMCP) has the same tools, and serves
HTTP. Each HTTP request is for itself: several replicas are as good as one, and no session stays in memory."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from kailash_mcp import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from knowledge import frame
from knowledge.auth import Guard
from knowledge.client import Knowledge
from knowledge.settings import Settings
from knowledge.tools import ADD, ASK, FIND, Tools
from knowledge.websocket import Channel, cure


class NoStreams:
    """A server that begins no conversation answers GET with 405 (MCP, streamable HTTP): a stream that nothing is sent
    on would hold a connection, and a release with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
            return
        await self._app(scope, receive, send)


def server(tools: Tools) -> Any:
    # No cache: its entries are shared by all callers.
    made = cure(MCPServer("kailash", transport="websocket", enable_cache=False, enable_subscriptions=False))

    def tool(description: str) -> Callable[[Callable[..., Awaitable[str]]], None]:
        def register(work: Callable[..., Awaitable[str]]) -> None:
            # tool(description=...) says it over WebSocket alone; this is read for both.
            work.__doc__ = description
            made.tool()(work)

        return register

    # As text: what is no text goes out as Python writes it, and not as JSON.
    @tool(ASK)
    async def ask(question: str) -> str:
        return json.dumps(await tools.ask(question))

    @tool(ADD)
    async def add_document(title: str, text: str, key: str = "") -> str:
        return json.dumps(await tools.add(title, text, key))

    @tool(FIND)
    async def find_documents(limit: int = 20) -> str:
        return json.dumps(await tools.find(limit))

    return made


def over_http(made: Any, allowed_hosts: tuple[str, ...]) -> Any:
    """Its application, with the path /mcp."""
    if made._mcp is None:
        made._init_mcp()
    settings = made._mcp.settings
    settings.stateless_http = True
    settings.json_response = True
    # Without these it answers 421 to every Host but localhost.
    settings.transport_security = TransportSecuritySettings(allowed_hosts=list(allowed_hosts), allowed_origins=[])
    return made._mcp.streamable_http_app()


def build(settings: Settings) -> FastAPI:
    knowledge = Knowledge(settings.dataflow_url, settings.tokens[0])
    made = server(Tools(knowledge, "mcp"))
    http = over_http(made, settings.mcp_allowed_hosts)
    websocket = Channel(made, settings.websocket_port, settings.tokens, settings.websocket_connections, settings.drain)
    app = frame.service(settings, knowledge, frame.Inside("http", http), websocket)
    app.mount("/", Guard(NoStreams(http), settings.tokens))
    return app
