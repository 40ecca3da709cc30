"""MCP over WebSocket: the SDK's transport, with what it lacks for a service that many reach and that is replaced.

It lets in whoever has a token (its own never asks its auth_provider), holds so many connections and so many calls of
each, and stops as a service that is replaced should: no new call begins, those under way are answered, and then every
connection is closed with 1012, which says "come back"."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import websockets
from kailash_mcp.transports.transports import WebSocketServerTransport
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from knowledge import auth, metrics

log = logging.getLogger("knowledge.websocket")

MESSAGE = 1_000_000  # bytes
CALLS = 8  # at a time, of a connection; it is not read on while they run
RESTART = "service restart, connect again"
REFUSALS = {HTTPStatus.UNAUTHORIZED: "refused", HTTPStatus.SERVICE_UNAVAILABLE: "full"}


class Turns:
    """A connection that gives the next message when there is a turn for it, and none once the service stops."""

    def __init__(self, connection: Any, stopping: asyncio.Event, drain: float) -> None:
        self._connection, self._stopping, self._drain = connection, stopping, drain
        self._turns = asyncio.Semaphore(CALLS)
        self.restart = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def __aiter__(self) -> Turns:
        return self

    async def __anext__(self) -> str | bytes:
        await self._turns.acquire()
        message = asyncio.ensure_future(self._connection.recv())
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((message, stop), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
        if message.done() and not self._stopping.is_set():
            return message.result()  # type: ignore[no-any-return]  # or ConnectionClosed
        message.cancel()
        self.restart = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._drain):
                for _ in range(CALLS - 1):
                    await self._turns.acquire()
        raise StopAsyncIteration

    def done(self) -> None:
        self._turns.release()


class Channel(WebSocketServerTransport):  # type: ignore[misc]  # its packages are not checked
    """The WebSocket side of an MCP server; a store of the service, with which it opens and closes."""

    name = "websocket"
    away: tuple[type[Exception], ...] = ()

    def __init__(self, server: Any, port: int, tokens: tuple[str, ...], most: int, drain: int) -> None:
        super().__init__(
            host="0.0.0.0",
            port=port,
            message_handler=server._handle_websocket_message,
            disconnect_handler=server._on_ws_disconnect,
            max_message_size=MESSAGE,
        )
        server._transport = self
        self._tokens, self._most, self._drain = tokens, most, drain
        self._stopping = asyncio.Event()

    async def open(self) -> None:
        self.server = await websockets.serve(
            self._serve,
            self.host,
            self.port,
            process_request=self._admit,
            ping_interval=self.ping_interval,
            ping_timeout=self.ping_timeout,
            max_size=self.max_message_size,
            max_queue=4,
            close_timeout=2,
            server_header=None,
        )
        self._connected = True

    async def close(self) -> None:
        if self.server is None:
            return
        self._stopping.set()
        self.server.close(close_connections=False)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._drain + 5):
                await self.server.wait_closed()
        self._connected = False

    async def check(self) -> None:
        if self.server is None or not self.server.is_serving():
            raise RuntimeError("the WebSocket server does not listen")

    def observe(self) -> None:
        metrics.WEBSOCKETS.set(len(self._clients))

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path == "/health":  # of the edge, which asks every port that it leads to
            return connection.respond(HTTPStatus.OK, "")
        status = None
        if auth.caller(request.headers.get("Authorization", ""), self._tokens) is None:
            status, text = HTTPStatus.UNAUTHORIZED, auth.REFUSAL
        elif len(self._clients) >= self._most:
            status, text = HTTPStatus.SERVICE_UNAVAILABLE, "too many connections, try again"
        if status is None:
            return None
        metrics.WEBSOCKETS_CLOSED.labels(REFUSALS[status]).inc()
        return connection.respond(status, f"{text}\n")

    async def _serve(self, connection: ServerConnection) -> None:
        turns = Turns(connection, self._stopping, self._drain)
        await self.handle_client(turns, connection.request.path if connection.request else "/")
        if turns.restart:
            await connection.close(CloseCode.SERVICE_RESTART, RESTART)
        metrics.WEBSOCKETS_CLOSED.labels("restart" if turns.restart else "client").inc()

    async def _process_and_respond(self, message: Any, client_id: str, websocket: Turns, send_lock: Any) -> None:
        handle: Callable[..., Awaitable[None]] = super()._process_and_respond
        outcome = "cut"
        try:
            await handle(message, client_id, websocket, send_lock)
            outcome = "answered"
        except ConnectionClosed:
            log.info("a client left before it was answered")
        finally:
            metrics.CALLS.labels(outcome).inc()
            websocket.done()


def cure(server: Any) -> Any:
    """`initialize` as the protocol has it: what is experimental are objects, and not true or false. The official client
    refuses the answer else."""
    original = server._handle_initialize

    async def initialize(*args: Any, **named: Any) -> Any:
        answer = await original(*args, **named)
        capabilities = answer["result"]["capabilities"]
        experimental = capabilities.get("experimental", {})
        capabilities["experimental"] = {
            name: on if isinstance(on, dict) else {} for name, on in experimental.items() if on is not False
        }
        return answer

    server._handle_initialize = initialize
    return server
