"""Tasks and reminders. Every query names the owner: what belongs to another user does not exist."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field

from apps.fastapi_app.middleware.auth import CurrentUser
from berth.storable import MOMENT, STORABLE
from personal_assistant.core import metrics
from personal_assistant.core.context import context_of

router = APIRouter(prefix="/v1")


Title = Annotated[str, Field(min_length=1, max_length=500), STORABLE]
Moment = Annotated[datetime, MOMENT]


class NewTask(BaseModel):
    title: Title
    due_at: Moment | None = None


class TaskChange(BaseModel):
    title: Title | None = None
    done: bool | None = None
    due_at: Moment | None = None


_COLUMNS = "id, title, done, due_at, created_at, updated_at"


@router.post("/tasks", status_code=201)
async def create(body: NewTask, request: Request, user: CurrentUser) -> dict[str, Any]:
    row = await context_of(request).database.one(
        f"INSERT INTO tasks (user_id, title, due_at) VALUES (%s, %s, %s) RETURNING {_COLUMNS}",
        user.id,
        body.title,
        body.due_at,
    )
    assert row
    metrics.TASKS_CREATED.inc()
    return row


@router.get("/tasks")
async def index(request: Request, user: CurrentUser, limit: int = Query(100, ge=1, le=500)) -> list[dict[str, Any]]:
    return await context_of(request).database.all(
        f"SELECT {_COLUMNS} FROM tasks WHERE user_id = %s ORDER BY created_at DESC LIMIT %s", user.id, limit
    )


@router.get("/tasks/{task_id}")
async def read(task_id: UUID, request: Request, user: CurrentUser) -> dict[str, Any]:
    return _found(
        await context_of(request).database.one(
            f"SELECT {_COLUMNS} FROM tasks WHERE user_id = %s AND id = %s", user.id, task_id
        )
    )


@router.patch("/tasks/{task_id}")
async def change(task_id: UUID, body: TaskChange, request: Request, user: CurrentUser) -> dict[str, Any]:
    fields = body.model_dump(exclude_unset=True)
    if any(fields.get(name, "") is None for name in ("title", "done")):
        raise HTTPException(422, "title and done cannot be null")
    assignments = "".join(f"{name} = %s, " for name in fields)  # names come from the model, never from the request
    return _found(
        await context_of(request).database.one(
            f"UPDATE tasks SET {assignments}updated_at = now() WHERE user_id = %s AND id = %s RETURNING {_COLUMNS}",
            *fields.values(),
            user.id,
            task_id,
        )
    )


@router.delete("/tasks/{task_id}", status_code=204)
async def delete(task_id: UUID, request: Request, user: CurrentUser) -> Response:
    _found(
        await context_of(request).database.one(
            "DELETE FROM tasks WHERE user_id = %s AND id = %s RETURNING id", user.id, task_id
        )
    )
    return Response(status_code=204)


@router.get("/reminders")
async def reminders(request: Request, user: CurrentUser, limit: int = Query(100, ge=1, le=500)) -> list[dict[str, Any]]:
    return await context_of(request).database.all(
        "SELECT id, text, due_at, state, created_at FROM reminders WHERE user_id = %s ORDER BY due_at DESC LIMIT %s",
        user.id,
        limit,
    )


def _found(row: dict[str, Any] | None) -> dict[str, Any]:
    if row is None:
        raise HTTPException(404, "no such task")
    return row
