"""Events: stored once under an id that the client chooses, with a count of the executions.

Readable by long poll and websocket."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, Request, WebSocket
from psycopg.types.json import Jsonb
from pydantic import BaseModel
from starlette.websockets import WebSocketDisconnect

from apps.fastapi_app.middleware.auth import CurrentUser, bearer_token, caller_or_none
from berth.overload import step_aside
from berth.storable import STORABLE
from personal_assistant.core import logs, metrics
from personal_assistant.core.context import Context, context_of
from personal_assistant.core.http import json_dumps
from personal_assistant.database.pool import AWAY, CHANNEL

router = APIRouter(prefix="/v1")

_COLUMNS = "id, payload, attempts, created_at"
PAGE = 200
EVENTS = 1  # apart from the locks of jobs, which are hashed with 0 (workers/jobs.py)
# Seconds between two looks for one caller: however many events are stored, it asks no more often than this.
COALESCE = 0.25


class NewEvent(BaseModel):
    id: UUID
    payload: Annotated[dict[str, Any], STORABLE]


@router.post("/events", status_code=201)
async def store(body: NewEvent, request: Request, user: CurrentUser) -> dict[str, Any]:
    # One of a user at a time: an event with an earlier time that is committed later would be missed by whoever has seen
    # the other one.
    row = await context_of(request).database.one(
        f"""
        WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended(%s, {EVENTS}))),
        stored AS (
            INSERT INTO events (user_id, id, payload) SELECT %s::uuid, %s, %s FROM turn
            ON CONFLICT (user_id, id) DO UPDATE SET attempts = events.attempts + 1
            WHERE events.payload = excluded.payload RETURNING {_COLUMNS}
        )
        SELECT {_COLUMNS}, CASE WHEN attempts = 1 THEN pg_notify('{CHANNEL}', %s) END AS announced FROM stored
        """,
        user.id,
        user.id,
        body.id,
        Jsonb(body.payload),
        user.id,
    )
    if row is None:
        raise HTTPException(409, "this id came with another payload before")
    metrics.EVENTS_STORED.labels("stored" if row["attempts"] == 1 else "repeated").inc()
    del row["announced"]
    return row


@router.get("/events/{event_id}")
async def read(event_id: UUID, request: Request, user: CurrentUser) -> dict[str, Any]:
    row = await context_of(request).database.one(
        f"SELECT {_COLUMNS} FROM events WHERE user_id = %s AND id = %s", user.id, event_id
    )
    if row is None:
        raise HTTPException(404, "no such event")
    return row


async def _newer(context: Context, user_id: str, since: datetime) -> list[dict[str, Any]]:
    return await context.database.all(
        f"SELECT {_COLUMNS} FROM events WHERE user_id = %s AND created_at > %s ORDER BY created_at LIMIT {PAGE}",
        user_id,
        since,
    )


@router.get("/events")
async def poll(
    request: Request, user: CurrentUser, since: str = "1970-01-01T00:00:00Z", wait: float = Query(0, ge=0, le=60)
) -> list[dict[str, Any]]:
    context = context_of(request)
    try:
        moment = datetime.fromisoformat(since.replace(" ", "+"))  # an unescaped + arrives as a space
    except ValueError as error:
        raise HTTPException(422, "since must be an ISO 8601 time") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    deadline = time.monotonic() + wait
    with context.database.listen(user.id) as news:
        while True:
            news.clear()
            found = await _newer(context, user.id, moment)
            if found or not await _woken(request, news, deadline):
                return found
            await asyncio.sleep(COALESCE)


async def _woken(request: Request, news: asyncio.Event, deadline: float) -> bool:
    """False when the time is up, or nobody waits any more; the deadline moves closer when the process is told to
    stop."""
    step_aside()
    drain, gone = context_of(request).drain, asyncio.create_task(_gone(request))
    waiters = {asyncio.create_task(news.wait()), asyncio.create_task(drain.started.wait()), gone}
    try:
        while (left := drain.limit(deadline) - time.monotonic()) > 0 and not gone.done():
            if news.is_set():
                return True
            pending = [w for w in waiters if not w.done()]
            await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        return False
    finally:
        for waiter in waiters:
            waiter.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


@router.websocket("/stream")
async def stream(socket: WebSocket) -> None:
    """Sends {"type":"ready"}, then each new event of the caller, and echoes every JSON message it gets.

    Closes with 1013 while the database is away."""
    user = caller_or_none(socket)
    if user is None:
        await socket.close(1008, "a bearer token is needed")
        return
    logs.user_id.set(user.id)
    by_protocol = bearer_token(socket) and "authorization" not in socket.headers
    await socket.accept("bearer" if by_protocol else None)
    context = context_of(socket)
    try:
        # The database's clock, which the events have their times from: this process's own may be ahead of it.
        row = await context.database.one("SELECT clock_timestamp() AS now")
    except AWAY:
        await socket.close(1013, "database unavailable, try again")
        return
    assert row
    await socket.send_text(json_dumps({"type": "ready"}))
    pushing = asyncio.create_task(_push(context, socket, user.id, row["now"]))
    try:
        while True:
            try:
                message = await socket.receive_json()
            except ValueError:
                message = {"type": "error", "error": "not JSON"}
            await socket.send_text(json_dumps(message))
    except (WebSocketDisconnect, RuntimeError, KeyError):
        pass  # the peer is gone (KeyError: it sent bytes, which receive_json takes for a broken frame)
    finally:
        pushing.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await pushing


async def _push(context: Context, socket: WebSocket, user_id: str, since: datetime) -> None:
    with context.database.listen(user_id) as news:
        while True:
            await news.wait()
            news.clear()
            more = True
            with contextlib.suppress(OSError, *AWAY):
                found = await _newer(context, user_id, since)
                more = len(found) == PAGE
                for event in found:
                    since = max(since, event["created_at"])
                    await socket.send_text(json_dumps({"type": "event", **event}))
            if more:
                news.set()
            await asyncio.sleep(COALESCE)
