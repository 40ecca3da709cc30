"""PostgreSQL as a request sees it: an answer, or an exception soon."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from billing import observe

Connection = AsyncConnection[DictRow]

WAIT = 2.0  # seconds for a connection, and for the first sign that it works


class Database:
    def __init__(self, url: str, size: int, statement_timeout: float) -> None:
        self._size = size
        self._statement_timeout = statement_timeout
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "connect_timeout": 3,
                "application_name": "billing",
                "options": f"-c statement_timeout={int(statement_timeout * 1000)}",
            },
            min_size=1,
            max_size=size,
            timeout=WAIT,
            check=works,
            reconnect_timeout=5,
            open=False,
        )

    async def open(self) -> None:
        """Does not wait for the server: the process must be able to say that it lives while the database does not."""
        await self._pool.open()

    async def close(self) -> None:
        await self._pool.close(timeout=1)

    async def rows(self, query: str) -> list[dict[str, Any]]:
        """Raises psycopg.OperationalError where the server does not answer."""
        up = False
        try:
            async with self._pool.connection() as connection, limit(connection, self._statement_timeout + 1):
                rows = await (await connection.execute(query.encode())).fetchall()
                up = True
                return rows
        finally:
            observe.DEPENDENCY_UP.labels("database").set(up)

    def observe(self) -> None:
        stats = self._pool.get_stats()
        size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
        observe.POOL.labels("idle").set(idle)
        observe.POOL.labels("used").set(size - idle)
        observe.POOL.labels("max").set(self._size)
        observe.POOL_WAITING.set(stats.get("requests_waiting", 0))


async def works(connection: Connection) -> None:
    async with limit(connection, WAIT):
        await connection.execute("SELECT 1")


@contextlib.asynccontextmanager
async def limit(connection: Connection, seconds: float) -> AsyncIterator[None]:
    """Shuts the socket when the time is up: a server that is paused would not hear a statement being cancelled."""

    def shut() -> None:
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.pgconn.socket)) as handle:
            handle.shutdown(socket.SHUT_RDWR)

    timer = asyncio.get_running_loop().call_later(seconds, shut)
    try:
        yield
    finally:
        timer.cancel()
