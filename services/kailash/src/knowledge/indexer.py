"""Makes a stored document findable: passages, their vectors, and its entities in the graph.

A document is claimed for a while in the database; a process that ends meanwhile loses nothing, because another one
claims it when that time is up. Every step may be done twice. One that is tried again is behind those that wait since
before its last attempt: whatever goes wrong with it, the others have their turn."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

from berth import tracing
from berth.postgres import Database
from knowledge import metrics, texts
from knowledge.embeddings import EmbeddingsAway, Model
from knowledge.graph import Graph, GraphAway
from knowledge.nodes import Nodes, NodesAway, Row

log = logging.getLogger("knowledge.indexer")

CLAIM = """
INSERT INTO claims (document, until)
SELECT d.id, now() + interval '60 seconds' FROM documents d LEFT JOIN claims c ON c.document = d.id
WHERE d.state = 'stored' AND (c.document IS NULL OR c.until < now())
ORDER BY coalesce(c.until, d.created_at) LIMIT 1
ON CONFLICT (document) DO UPDATE SET until = excluded.until, attempts = claims.attempts + 1 WHERE claims.until < now()
RETURNING document, attempts"""
ANEW = "UPDATE documents SET state = 'stored' WHERE state = 'indexed' AND model <> %s RETURNING id"
PENDING = "SELECT count(*) AS pending FROM documents WHERE state = 'stored'"
VECTOR = """
INSERT INTO passage_vectors (passage, model, embedding) VALUES (%s, %s, %s::vector)
ON CONFLICT (passage) DO UPDATE SET model = excluded.model, embedding = excluded.embedding"""
#: Seconds until the next attempt, and how many of those before count.
RELEASE = """
UPDATE claims SET until = now() + make_interval(secs => %s), attempts = attempts - %s WHERE document = %s
RETURNING document"""
#: A document that ended its process, or failed, so often is not tried again. That a store is away is not its fault;
#: that the database refuses what it holds is.
ATTEMPTS = 5
AWAY = (*Database.away, NodesAway, GraphAway, EmbeddingsAway, TimeoutError)
IDLE = 1.0  # seconds
MOST = 2000  # passages of a document


@dataclass
class Indexer:
    nodes: Nodes
    database: Database
    graph: Graph
    model: Model

    async def run(self) -> None:
        """Until it is cancelled. What another model indexed is indexed anew."""
        compared = False
        while True:
            try:
                if not compared:
                    await self.database.rows(ANEW, self.model.name)
                    compared = True
                worked = await self.one()
            except AWAY as error:
                log.warning("waiting: %s", str(error).split("\n")[0])
                worked = False
            except Exception:
                log.exception("unexpected error")
                worked = False
            if not worked:
                await asyncio.sleep(IDLE)

    async def one(self) -> bool:
        """Whether there was one to index."""
        with tracing.unseen():
            metrics.PENDING.set((await self.database.rows(PENDING))[0]["pending"])
            claimed = await self.database.rows(CLAIM)
        for claim in claimed:
            with tracing.seen("index"):
                await self._claimed(str(claim["document"]), int(claim["attempts"]))
        return bool(claimed)

    async def _claimed(self, id: str, attempts: int) -> None:
        started = time.perf_counter()
        try:
            document = await self.nodes.read("Document", id)
            if document is None:
                await self.database.rows("DELETE FROM claims WHERE document = %s RETURNING document", id)
                return
            if attempts > ATTEMPTS:
                failed = {"state": "failed", "error": f"given up after {ATTEMPTS} attempts"}
                await self.nodes.update("Document", id, failed)
                metrics.INDEXED.labels("failed").inc()
                return
            await self.index(document)
        except (*AWAY, asyncio.CancelledError):
            metrics.INDEXED.labels("retried").inc()
            await self.database.rows(RELEASE, IDLE, 1, id)
            raise
        except Exception:
            metrics.INDEXED.labels("retried").inc()
            # The others are not kept waiting by it.
            await self.database.rows(RELEASE, 2.0**attempts, 0, id)
            raise
        metrics.INDEX_SECONDS.observe(time.perf_counter() - started)
        metrics.INDEXED.labels("indexed").inc()

    async def index(self, document: Row) -> None:
        id, title, text = str(document["id"]), str(document["title"]), str(document["text"])
        found = (await asyncio.to_thread(texts.passages, text))[:MOST]
        rows = [{"id": f"{id}-{n}", "document": id, "position": n, "text": part} for n, part in enumerate(found)]
        there = {row["id"] for row in await self.nodes.find("Passage", {"document": id}, MOST)}
        await self.nodes.create_many("Passage", [row for row in rows if row["id"] not in there])
        # The title belongs to each of them: a question often has its words.
        vectors = await self.model.embed([f"{title}. {part}" for part in found])
        for row, vector in zip(rows, vectors, strict=True):
            await self.database.rows(f"{VECTOR} RETURNING passage", row["id"], self.model.name, str(vector))
        named = await asyncio.to_thread(texts.entities, f"{title}.\n\n{text}")
        await self.graph.link(id, title, named, await asyncio.to_thread(texts.relations, text))
        await self.nodes.update("Document", id, {"state": "indexed", "model": self.model.name, "error": ""})
        await self.database.rows("DELETE FROM claims WHERE document = %s RETURNING document", id)
