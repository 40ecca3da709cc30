"""The service `dataflow`: documents and passages by generated nodes, vectors, graph, and answers from all of them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query
from pydantic import BaseModel, Field

from berth.postgres import Database
from berth.problems import Problem
from knowledge import auth, embeddings, frame, metrics, models, texts
from knowledge.graph import Graph
from knowledge.indexer import Indexer
from knowledge.nodes import NodeFailed, Nodes, Row
from knowledge.settings import Settings

PASSAGES = 5  # of an answer, at most
NEIGHBOURS = 20
#: Cosine: what is less near has nothing in common but chance.
NEAR = 0.1

SHOWN = ("id", "title", "state", "error", "created_at")
PAGE = """
SELECT id, title, state, error, created_at FROM documents
WHERE %s = '' OR (created_at, id) < (SELECT created_at, id FROM documents WHERE id = %s)
ORDER BY created_at DESC, id DESC LIMIT %s"""
SEARCH = """
SELECT p.document, p.text, 1 - (v.embedding <=> %s::vector) AS score
FROM passage_vectors v JOIN passages p ON p.id = v.passage WHERE v.model = %s
ORDER BY v.embedding <=> %s::vector LIMIT %s"""


class NewDocument(BaseModel):
    id: str = Field(pattern=r"^[0-9a-f]{32}$")
    title: str = Field(min_length=1)
    text: str = Field(min_length=1)


class Question(BaseModel):
    question: str = Field(min_length=1)


def shown(row: Row) -> Row:
    found = {name: row.get(name) for name in SHOWN}
    return found | {"created_at": str(found["created_at"]).replace(" ", "T")}


class Work:
    """The indexers, as a store: they start and stop with the service."""

    name = "indexer"
    away: tuple[type[Exception], ...] = ()

    def __init__(self, indexer: Indexer, how_many: int) -> None:
        self._indexer, self._how_many = indexer, how_many
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        self._tasks = [asyncio.create_task(self._indexer.run()) for _ in range(self._how_many)]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def check(self) -> None:
        if any(task.done() for task in self._tasks):
            raise RuntimeError("an indexer has ended")

    def observe(self) -> None:
        """It counts by itself."""


async def answer(question: str, database: Database, graph: Graph, model: embeddings.Model) -> Row:
    vector = str((await model.embed([question]))[0])
    rows = await database.rows(SEARCH, vector, model.name, vector, PASSAGES)
    passages = [
        {"document": row["document"], "text": row["text"], "score": round(float(row["score"]), 4)}
        for row in rows
        if float(row["score"]) >= NEAR
    ]
    named = texts.entities(question) or [name for passage in passages[:1] for name in texts.entities(passage["text"])]
    neighbours = await graph.neighbours(named, NEIGHBOURS)
    metrics.QUESTIONS.labels("answered" if passages else "nothing found").inc()
    best = best_sentence(question, [passage["text"] for passage in passages])
    return {"answer": best, "passages": passages, "neighbours": neighbours}


def best_sentence(question: str, passages: list[str]) -> str:
    """The one that has most in common with the question; empty where there are none."""
    asked = embeddings.hashed(question)
    found = [sentence for passage in passages for sentence in texts.sentences(passage)]
    return max(found, key=lambda sentence: embeddings.near(asked, embeddings.hashed(sentence)), default="")


def build(settings: Settings) -> FastAPI:
    database = Database()
    graph = Graph(settings.neo4j_url, settings.neo4j_auth)
    nodes = Nodes(models.declare(settings.database_url, settings.node_pool_size), database, settings.node_cache)
    model = embeddings.model(settings.embeddings_url, settings.embeddings_model, settings.embeddings_key)
    work = Work(Indexer(nodes, database, graph, model), settings.indexers)
    app = frame.service(settings, database, nodes, work, optional=(graph,))
    routes = APIRouter(prefix="/v1", dependencies=[Depends(auth.current)])

    @routes.post("/documents", status_code=202)
    async def store(body: NewDocument) -> Row:
        row = {"id": body.id, "title": body.title, "text": body.text, "state": "stored", "model": "", "error": ""}
        before = await nodes.read("Document", body.id)
        if before is None:
            try:
                await nodes.create("Document", row)
            except NodeFailed:
                # Somebody else stored it meanwhile, or it cannot be.
                before = await nodes.read("Document", body.id)
                if before is None:
                    raise
        if before is None:
            metrics.DOCUMENTS.labels("stored").inc()
        elif (before["title"], before["text"]) == (body.title, body.text):
            metrics.DOCUMENTS.labels("repeated").inc()
            if before["state"] == "failed":
                await database.rows("DELETE FROM claims WHERE document = %s RETURNING document", body.id)
                await nodes.update("Document", body.id, {"state": "stored", "error": ""})
        else:
            metrics.DOCUMENTS.labels("refused").inc()
            raise Problem(409, "key_used", "this Idempotency-Key came with another document before")
        return {"id": body.id}

    @routes.get("/documents")
    async def documents(limit: Annotated[int, Query(ge=1, le=200)] = 50, before: str = "") -> Row:
        rows = await database.rows(PAGE, before, before, limit + 1)
        more = len(rows) > limit
        return {"items": [shown(row) for row in rows[:limit]], "next": rows[limit - 1]["id"] if more else None}

    @routes.get("/documents/{id}")
    async def document(id: str) -> Row:
        found = await nodes.read("Document", id) if re.fullmatch(r"[0-9a-f]{32}", id) else None
        if found is None:
            raise Problem(404, "not_found", "there is no such document")
        return shown(found) | {"text": found["text"]}

    @routes.post("/questions")
    async def ask(body: Question) -> dict[str, Any]:
        try:
            return await answer(body.question, database, graph, model)
        except embeddings.EmbeddingsAway as error:
            raise Problem(503, "unavailable", f"embeddings unavailable, try again: {error}", 5) from error

    @routes.get("/nodes")
    async def generated() -> Row:
        return nodes.catalogue()

    app.include_router(routes)
    return app
