"""The platform's HTTP interface, below /v1. docs/systems/kailash.md has it in words."""

from __future__ import annotations

import re
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Query
from pydantic import BaseModel, Field

from berth.problems import Problem
from berth.storable import STORABLE
from knowledge import frame
from knowledge.auth import Caller
from knowledge.client import Knowledge
from knowledge.settings import Settings

KEY = re.compile(r"[A-Za-z0-9._-]{8,128}")
ID = re.compile(r"[0-9a-f]{32}")
TITLE, TEXT, QUESTION = 300, 200_000, 2_000  # characters


Text = Annotated[str, STORABLE]


class Document(BaseModel):
    title: Text = Field(min_length=1, max_length=TITLE)
    text: Text = Field(min_length=1, max_length=TEXT)


class Question(BaseModel):
    question: Text = Field(min_length=1, max_length=QUESTION)


def document_id(caller: str, key: str | None) -> str:
    """A new one; with a key the same as before. Of this caller: who guesses another's key must not meet their id."""
    if key is None:
        return uuid.uuid4().hex
    if not KEY.fullmatch(key):
        raise Problem(422, "bad_key", "Idempotency-Key needs 8 to 128 letters, digits, dots, dashes")
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{caller}\n{key}").hex


def build(settings: Settings) -> FastAPI:
    knowledge = Knowledge(settings.dataflow_url, settings.tokens[0])
    app = frame.service(settings, knowledge)
    routes = APIRouter(prefix="/v1")

    @routes.post("/documents", status_code=202)
    async def store(
        body: Document, caller: Caller, idempotency_key: Annotated[str | None, Header()] = None
    ) -> dict[str, Any]:
        return await knowledge.store(document_id(caller, idempotency_key), body.title, body.text)

    @routes.get("/documents")
    async def documents(
        _: Caller,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        before: Annotated[str, Query(pattern=r"^[0-9a-f]{32}$|^$")] = "",
    ) -> dict[str, Any]:
        return await knowledge.documents(limit, before)

    @routes.get("/documents/{id}")
    async def document(id: str, _: Caller) -> dict[str, Any]:
        if not ID.fullmatch(id):
            raise Problem(404, "not_found", "there is no such document")
        return await knowledge.document(id)

    @routes.post("/questions")
    async def ask(body: Question, _: Caller) -> dict[str, Any]:
        return await knowledge.answer(body.question)

    app.include_router(routes)
    return app
