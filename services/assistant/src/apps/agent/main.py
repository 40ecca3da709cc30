"""The agent: plans what a message asks for, does it, answers. Internal: only our own services may call it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, cast
from uuid import UUID, uuid4

import httpx
from fastapi import Depends, FastAPI, HTTPException, Request
from psycopg.rows import DictRow
from pydantic import BaseModel, Field

from berth.storable import STORABLE
from personal_assistant.config.settings import Settings
from personal_assistant.core import logs, metrics
from personal_assistant.core.context import Context, context_of
from personal_assistant.core.http import Check, create_app, database_check, internal_caller
from personal_assistant.core.planner import LLM_TIMEOUT, Plan, plan_with_llm
from personal_assistant.core.redis_client import connect
from personal_assistant.database.pool import Connection
from personal_assistant.tools.registry import TOOLS, Outcome
from personal_assistant.workers import queue

log = logging.getLogger("assistant.agent")


class Incoming(BaseModel):
    user_id: UUID
    text: Annotated[str, Field(min_length=1, max_length=4000), STORABLE]
    channel: str = Field(default="api", pattern=r"^[a-z]{1,20}$")
    message_id: UUID = Field(default_factory=uuid4)


async def _stored(connection: Connection, message: Incoming) -> DictRow | None:
    cursor = await connection.execute(
        "SELECT text, reply, job_id FROM messages WHERE user_id = %s AND id = %s", (message.user_id, message.message_id)
    )
    found = await cursor.fetchone()
    if found and found["text"] != message.text:
        raise HTTPException(409, "this id came with another text before")
    return found


async def _answer(connection: Connection, message: Incoming, plan: Plan) -> Outcome | None:
    """None if the same message came by another way meanwhile: its insert waits for that one's commit."""
    user = str(message.user_id)
    async with connection.transaction():
        inserted = await connection.execute(
            "INSERT INTO messages (id, user_id, channel, text, reply) VALUES (%s, %s, %s, %s, '') "
            "ON CONFLICT DO NOTHING",
            (message.message_id, user, message.channel, message.text),
        )
        if not inserted.rowcount:
            return None
        outcome = await TOOLS[plan.action](connection, user, plan.args)
        await connection.execute(
            "UPDATE messages SET reply = %s, job_id = %s WHERE user_id = %s AND id = %s",
            (outcome.reply, outcome.job_id, user, message.message_id),
        )
    return outcome


def build(settings: Settings) -> FastAPI:
    async def prepare(context: Context) -> AsyncIterator[None]:
        context.redis = connect(settings)
        async with httpx.AsyncClient(timeout=httpx.Timeout(LLM_TIMEOUT, connect=3)) as http:
            context.extra["http"] = http
            yield
        await context.redis.aclose()

    def checks(context: Context) -> Mapping[str, Check]:
        async def redis_answers() -> None:
            assert context.redis
            await context.redis.ping()

        return {"database": database_check(context), "redis": redis_answers}

    app = create_app(settings, prepare, checks)

    @app.post("/v1/agent/messages", dependencies=[Depends(internal_caller)])
    async def receive(message: Incoming, request: Request) -> dict[str, Any]:
        context = context_of(request)
        logs.user_id.set(str(message.user_id))
        async with context.database.connection() as connection:
            known = await _stored(connection, message)
        if known is None:
            # No connection is held while the language model thinks.
            plan = await plan_with_llm(message.text, settings, cast(httpx.AsyncClient, context.extra["http"]))
            async with context.database.connection() as connection:
                outcome = await _answer(connection, message, plan)
                known = None if outcome else await _stored(connection, message)
            if outcome:
                metrics.MESSAGES.labels(message.channel, plan.action, plan.planner).inc()
                if outcome.job_id:
                    await queue.announce(settings, outcome.job_id, outcome.job_kind)
                return {"message_id": str(message.message_id), "reply": outcome.reply, "job_id": outcome.job_id}
        if known is None:
            raise HTTPException(409, "the message was withdrawn while it was answered, send it again")
        return {
            "message_id": str(message.message_id),
            "reply": known["reply"],
            "job_id": known["job_id"] and str(known["job_id"]),
        }

    return app
