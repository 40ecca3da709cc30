"""The database as a request sees it: a connection quickly, or DatabaseUnavailable quickly.

A statement timeout runs in the server and TCP keepalive is answered by the kernel, so neither notices
a *paused* server. Here one extra connection asks it once a second. When that goes unanswered, and a new connection
cannot be had either, every socket of the pool is shut down, which ends each waiting request at once, and a fresh pool
is made when the server answers again: no dead connection survives an outage. One silent connection alone proves
nothing: on a machine with too much to do a single connection may stand still for seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
import weakref
from collections.abc import AsyncIterator
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from berth import tracing
from personal_assistant.config.settings import Settings
from personal_assistant.core import metrics

log = logging.getLogger("assistant.database")

Connection = psycopg.AsyncConnection[DictRow]

PROBE_INTERVAL = 1.0
PROBE_TIMEOUT = 3.0
# Seconds a new connection may take, log-in included; name resolution is not in it.
CONNECT_TIMEOUT = 3
TICK = 0.25
RECONNECT_INTERVAL = 0.5
OUTAGE_GRACE = 1.5
CHANNEL = "assistant_events"
# Asks a table, so that an answer is worth more than "SELECT 1", and tells what the schema is.
PROBE = "SELECT version_num FROM alembic_version"


# It does not answer; or it only reads, or has trouble of its own. What a statement may be blamed for is neither.
AWAY = (psycopg.OperationalError, psycopg.InternalError)


class DatabaseUnavailable(psycopg.OperationalError):
    """The database does not answer now; the request may be repeated."""


def connect_options(settings: Settings, statement_timeout: float | None = None) -> dict[str, Any]:
    seconds = settings.db_statement_timeout if statement_timeout is None else statement_timeout
    given = conninfo_to_dict(settings.database_url).get("options") or ""  # an argument would replace the URL's
    return {
        "autocommit": True,
        "row_factory": dict_row,
        "connect_timeout": CONNECT_TIMEOUT,
        "application_name": f"assistant-{settings.role}",
        "keepalives": 1,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        "options": f"{given} -c statement_timeout={int(seconds * 1000)} -c idle_in_transaction_session_timeout=60000",
    }


def shut_down(connection: psycopg.AsyncConnection[Any]) -> None:
    """Ends whatever waits on the connection. close() would not: it does not wake a reader."""
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.pgconn.socket)) as handle:
        handle.shutdown(socket.SHUT_RDWR)


class Database:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool: AsyncConnectionPool[Connection] | None = None
        self._connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._listeners: dict[str, set[asyncio.Event]] = {}
        self._monitor: asyncio.Task[None] | None = None
        self._answered_at = 0.0
        self._available = asyncio.Event()
        self._lost_at = 0.0
        self._revision: str | None = None

    async def start(self) -> None:
        """Does not wait for the server: the process must be able to say that it lives while the database does not."""
        self._lost_at = time.monotonic()
        self._monitor = asyncio.create_task(self._watch(), name="database-monitor")

    async def stop(self) -> None:
        if self._monitor:
            self._monitor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._monitor
        await self._drop_pool()

    @property
    def up(self) -> bool:
        return (
            self._pool is not None
            and time.monotonic() - self._answered_at < PROBE_INTERVAL + PROBE_TIMEOUT + CONNECT_TIMEOUT + 1
        )

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """An autocommit connection; use `.transaction()` on it for more than one statement."""
        pool, connection = await self._acquire()
        try:
            yield connection
        finally:
            await pool.putconn(connection)

    async def _acquire(self) -> tuple[AsyncConnectionPool[Connection], Connection]:
        deadline = time.monotonic() + self._settings.db_pool_timeout
        while True:
            if (fresh := self._lost_at + OUTAGE_GRACE - time.monotonic()) > 0 and self._pool is None:
                with contextlib.suppress(
                    TimeoutError
                ):  # most outages are a moment: worth a wait, but only while it may be one
                    await asyncio.wait_for(self._available.wait(), fresh)
            pool = self._pool
            if pool is None:
                raise DatabaseUnavailable("the database does not answer")
            left = deadline - time.monotonic()
            try:
                # In slices: a pool that is closed while it checks a connection would let its caller wait to the end.
                return pool, await pool.getconn(timeout=max(0.01, min(left, 1.0)))
            except PoolClosed:
                continue
            except PoolTimeout:
                if left <= 1.0 and pool is self._pool:
                    raise

    async def one(self, query: str, *args: object) -> DictRow | None:
        async with self.connection() as connection:
            return await (await connection.execute(query, args)).fetchone()

    async def all(self, query: str, *args: object) -> list[DictRow]:
        async with self.connection() as connection:
            return await (await connection.execute(query, args)).fetchall()

    @contextlib.contextmanager
    def listen(self, user: str) -> Any:
        """An event that is set whenever something new is stored for the user, by any replica.
        Waiting on it holds no connection: one per process listens for all."""
        event = asyncio.Event()
        self._listeners.setdefault(user, set()).add(event)
        try:
            yield event
        finally:
            waiting = self._listeners[user]
            waiting.discard(event)
            if not waiting:
                del self._listeners[user]

    def observe(self) -> None:
        """Copies the pool's state into the metrics, when they are scraped."""
        stats = self._pool.get_stats() if self._pool else {}
        size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
        metrics.POOL.labels("idle").set(idle)
        metrics.POOL.labels("used").set(size - idle)
        metrics.POOL.labels("max").set(self._settings.db_pool_size)
        metrics.POOL_WAITING.set(stats.get("requests_waiting", 0))
        metrics.DEPENDENCY_UP.labels("database").set(self.up)

    async def _watch(self) -> None:
        reported = False
        while True:
            probe: psycopg.AsyncConnection[Any] | None = None
            try:
                async with asyncio.timeout(2 * CONNECT_TIMEOUT):  # connect_timeout does not cover name resolution
                    probe = await psycopg.AsyncConnection.connect(
                        self._settings.database_url, **connect_options(self._settings)
                    )
                await self._ask(probe, f"LISTEN {CHANNEL}")
                if self._pool is None:
                    await self._open_pool()
                    log.info("database answers")
                reported = False
                self._wake_all()  # what was stored meanwhile was not announced to us
                await self._attend(probe)
            except Exception as error:  # any failure, name resolution included, means the same: not reachable now
                # A lost or silent probe alone is no outage: only when a new one cannot be had, the pool goes too.
                if probe is None:
                    await self._drop_pool()
                    if not reported:
                        reported = True
                        metrics.DATABASE_OUTAGES.inc()
                        log.error(
                            "database does not answer: %s",
                            str(error).splitlines()[0] if str(error) else type(error).__name__,
                        )
                    await asyncio.sleep(RECONNECT_INTERVAL)
            finally:
                if probe is not None:
                    shut_down(probe)
                    await probe.close()

    async def _attend(self, probe: psycopg.AsyncConnection[Any]) -> None:
        while True:
            self._answered_at = time.monotonic()
            async for notice in probe.notifies(timeout=PROBE_INTERVAL):
                for event in self._listeners.get(notice.payload, ()):
                    event.set()
                if time.monotonic() - self._answered_at > PROBE_INTERVAL:
                    break  # a busy channel must not keep the probe from asking
            await self._probe(probe)

    async def _probe(self, probe: psycopg.AsyncConnection[Any]) -> None:
        revision = None
        with contextlib.suppress(psycopg.errors.UndefinedTable):  # not migrated yet: an answer all the same
            if row := await (await self._ask(probe, PROBE)).fetchone():
                revision = row["version_num"]
        if revision != self._revision:
            self._revision = revision
            metrics.SCHEMA.clear()
            if revision is not None:
                metrics.SCHEMA.labels(revision).set(1)

    @staticmethod
    async def _ask(probe: psycopg.AsyncConnection[Any], query: str) -> psycopg.AsyncCursor[Any]:
        """Raises when there is no answer in time."""

        async def watch() -> None:
            # Counts in ticks, not by the clock: on a machine with too much to do this process may be what is late, with
            # the answer waiting to be read.
            for _ in range(int(PROBE_TIMEOUT / TICK)):
                await asyncio.sleep(TICK)
            shut_down(probe)

        watchdog = asyncio.create_task(watch())
        try:
            with tracing.unseen():
                return await probe.execute(query)
        finally:
            watchdog.cancel()

    def _wake_all(self) -> None:
        for waiting in self._listeners.values():
            for event in waiting:
                event.set()

    async def _open_pool(self) -> None:
        pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            self._settings.database_url,
            kwargs=connect_options(self._settings),
            min_size=1,
            max_size=self._settings.db_pool_size,
            configure=self._remember,
            check=AsyncConnectionPool.check_connection,
            reconnect_timeout=5,
            open=False,
        )
        await pool.open()
        self._pool, self._answered_at = pool, time.monotonic()
        self._available.set()

    async def _remember(self, connection: Connection) -> None:
        self._connections.add(connection)

    async def _drop_pool(self) -> None:
        pool, self._pool = self._pool, None
        if pool is None:
            return
        self._available.clear()
        self._lost_at = time.monotonic()
        for connection in list(self._connections):
            shut_down(connection)
        await pool.close(timeout=1)
