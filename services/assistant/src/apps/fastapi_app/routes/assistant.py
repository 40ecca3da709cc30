"""Messages to the agent, and the jobs that follow from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, Field

from apps.fastapi_app.middleware.auth import CurrentUser
from berth.storable import STORABLE
from personal_assistant.core.context import context_of
from personal_assistant.workers import queue

router = APIRouter(prefix="/v1")


class NewMessage(BaseModel):
    text: Annotated[str, Field(min_length=1, max_length=4000), STORABLE]
    id: UUID = Field(
        default_factory=uuid4, description="Chosen by the client, a repeated request is answered, not executed, again"
    )


class NewJob(BaseModel):
    kind: Literal["summarise"]
    text: Annotated[str, Field(min_length=1, max_length=100_000), STORABLE]
    delay: float = Field(default=0, ge=0, le=60, description="Seconds to wait before the work")


@router.post("/messages")
async def send(body: NewMessage, request: Request, user: CurrentUser) -> dict[str, Any]:
    agent = context_of(request).agent
    assert agent
    return await agent.send(user_id=user.id, text=body.text, channel="api", message_id=str(body.id))


@router.get("/messages")
async def history(request: Request, user: CurrentUser, limit: int = Query(50, ge=1, le=500)) -> list[dict[str, Any]]:
    return await context_of(request).database.all(
        "SELECT id, channel, text, reply, job_id, created_at FROM messages WHERE user_id = %s "
        "ORDER BY created_at DESC LIMIT %s",
        user.id,
        limit,
    )


@router.post("/jobs", status_code=202)
async def create_job(body: NewJob, request: Request, user: CurrentUser) -> dict[str, Any]:
    context = context_of(request)
    async with context.database.connection() as connection:
        job_id = await queue.add_job(connection, user.id, body.kind, {"text": body.text, "delay": body.delay})
    await queue.announce(context.settings, job_id, body.kind)
    return {"id": job_id, "kind": body.kind, "state": "queued"}


@router.get("/jobs/{job_id}")
async def read_job(job_id: UUID, request: Request, user: CurrentUser) -> dict[str, Any]:
    row = await context_of(request).database.one(
        "SELECT id, kind, state, attempts, result, error, created_at, started_at, finished_at FROM jobs "
        "WHERE user_id = %s AND id = %s",
        user.id,
        job_id,
    )
    if row is None:
        raise HTTPException(404, "no such job")
    return row
