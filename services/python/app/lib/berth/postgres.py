"""PostgreSQL as a request sees it: an answer, or an exception soon."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from berth import observe
from berth.remote import Remote

Connection = AsyncConnection[DictRow]

WAIT = 2.0  # seconds for a connection, and for the first sign that it works


class Database(Remote):
    name = "database"
    # The second: it only reads, or has trouble of its own. What a statement may be blamed for is neither.
    away = (psycopg.OperationalError, psycopg.InternalError)

    def __init__(self) -> None:
        """Reads DATABASE_URL_FILE once: a new password is another file, and another container."""
        url = Path(os.environ["DATABASE_URL_FILE"]).read_text().strip()
        self._size = int(os.environ.get("DB_POOL_SIZE", "5"))
        self._statement_timeout = float(os.environ.get("DB_STATEMENT_TIMEOUT", "10"))
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "connect_timeout": 3,
                "application_name": observe.service(),
                "options": f"-c statement_timeout={int(self._statement_timeout * 1000)}",
            },
            min_size=1,
            max_size=self._size,
            timeout=WAIT,
            check=works,
            reconnect_timeout=5,
            open=False,
        )

    async def open(self) -> None:
        await self._pool.open()

    async def close(self) -> None:
        await self._pool.close(timeout=1)

    async def check(self) -> None:
        await self.rows("SELECT 1")

    async def rows(self, query: str, *args: object) -> list[dict[str, Any]]:
        """What a statement gives. Raises psycopg.OperationalError where the server does not answer."""
        with self.told():
            async with self._pool.connection() as connection, limit(connection, self._statement_timeout + 1):
                return await (await connection.execute(query.encode(), args or None)).fetchall()

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
