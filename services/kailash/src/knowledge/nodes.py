"""The generated nodes as a request sees them: an answer, or an exception soon."""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dataflow.adapters.exceptions import ConnectionError as NoConnection

from berth.postgres import Database
from knowledge import metrics

log = logging.getLogger("knowledge.nodes")

SLOW = 10.0  # seconds for a node that writes many rows
#: Seconds for a node of a request. Whoever asks tries again for PATIENCE (client.py).
QUICK = 4.0
PROBE = 3.0  # seconds for a node that only shows whether nodes work

Row = dict[str, Any]


class NodesAway(Exception):
    """A node took too long, because the database hangs, or did; or it has no connection left for a node."""


class NodeFailed(Exception):
    """The database answers, and refused the node. A request's values are checked before: there it is the database that
    cannot, because its disk is full or it only reads. In the indexer it may be the document."""


class Nodes:
    """Where a node fails, the database is asked: DataFlow's exceptions do not tell a server that is away from a
    statement that is wrong, and its health_check() says "healthy" of a server that is stopped."""

    name = "nodes"
    away = (NodesAway, NodeFailed)  # besides the database's

    def __init__(self, db: Any, database: Database, cache: Path | None) -> None:
        self._db, self._database, self._cache = db, database, cache
        self._connecting = asyncio.Lock()
        self._connected = False

    async def open(self) -> None:
        found = self.catalogue()
        metrics.NODES.set(sum(len(model["nodes"]) for model in found["models"].values()))
        if self._cache:
            log.info("generated nodes are %s", remember(self._cache, found), extra={"folder": str(self._cache)})

    async def close(self) -> None:
        if self._connected:
            await self._db.close_async()

    async def check(self) -> None:
        """By a generated node, which reads the database and no cache."""
        await self.run("DocumentReadNode", self._db.express.read, "Document", "none has this id", seconds=PROBE)

    def observe(self) -> None:
        """It counts by itself."""

    def catalogue(self) -> Row:
        """What was generated: by model its fields and nodes."""
        return {
            "sdk": f"kailash-dataflow {version('kailash-dataflow')}",
            "models": {
                name: {
                    "fields": {key: field["type"].__name__ for key, field in self._db.get_model_fields(name).items()},
                    "nodes": sorted(node for node in self._db._nodes if node.startswith(name)),
                }
                for name in sorted(self._db.get_models())
            },
        }

    async def create(self, model: str, row: Row) -> Row:
        return dict(await self.run(f"{model}CreateNode", self._db.express.create, model, row))

    async def read(self, model: str, id: str) -> Row | None:
        found: Row | None = await self.run(f"{model}ReadNode", self._db.express.read, model, id)
        return found

    async def update(self, model: str, id: str, fields: Row) -> None:
        await self.run(f"{model}UpdateNode", self._db.express.update, model, id, fields)

    async def find(self, model: str, filter: Row, limit: int) -> list[Row]:
        found: list[Row] = await self.run(f"{model}ListNode", self._db.express.list, model, filter, limit)
        return found

    async def create_many(self, model: str, rows: list[Row]) -> None:
        if rows:
            await self.run(f"{model}BulkCreateNode", self._db.express.bulk_create, model, rows, seconds=SLOW)

    async def run(self, node: str, call: Any, *args: Any, seconds: float = QUICK) -> Any:
        started = time.perf_counter()
        try:
            return await given_up(self._work(call, *args), seconds)
        except Exception as error:
            metrics.NODE_ERRORS.labels(node).inc()
            await self._database.check()
            if isinstance(error, TimeoutError):
                raise NodesAway(f"{node}: no answer within {seconds:g} s") from error
            if isinstance(error, NoConnection):
                raise NodesAway(f"{node}: {error}") from error
            raise NodeFailed(f"{node}: {error}") from error
        finally:
            metrics.NODE_SECONDS.labels(node).observe(time.perf_counter() - started)

    async def _work(self, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        await self._connect()
        return await call(*args)

    async def _connect(self) -> None:
        # By itself it connects at the first use, on the event loop, and tries for eleven seconds meanwhile.
        if self._connected:
            return
        async with self._connecting:
            if not self._connected:
                await self._database.check()
                await asyncio.to_thread(self._db._ensure_connected)
                self._connected = True


async def given_up(work: Coroutine[Any, Any, Any], seconds: float) -> Any:
    """Raises TimeoutError at once when the time is up: a connection that is told to cancel waits for its server."""
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if not done:
            raise TimeoutError
        return task.result()
    finally:
        task.cancel()
        # What it ends with, later, nobody waits for.
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())


def remember(folder: Path, catalogue: Mapping[str, Any]) -> str:
    """Keeps what was generated for the next start, and says how it differs from what the last one kept."""
    file = folder / "nodes.json"
    text = json.dumps(catalogue, indent=2, sort_keys=True)
    try:
        before = file.read_text(encoding="utf-8")
    except OSError:
        before = ""
    if before == text:
        return "as before"
    try:
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as new:
            new.write(text)
        Path(new.name).replace(file)
    except OSError as error:
        return f"not kept: {error.strerror}"
    return "others than before" if before else "kept for the first time"
