"""What the agent can do. Reading is answered at once; creating a task or a reminder is a job for the worker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from personal_assistant.database.pool import Connection
from personal_assistant.memory import store
from personal_assistant.workers.queue import add_job

HELP = (
    "I can: add tasks (task: buy milk), list tasks, remind you (remind me tomorrow at 9 to call Bob, "
    "remind me in 10 minutes to stretch), "
    "take notes (note the door code is 1234) and find them again (what did I note about the door)."
)


@dataclass(frozen=True)
class Outcome:
    reply: str
    job_id: str | None = None
    job_kind: str = ""


Tool = Callable[[Connection, str, dict[str, Any]], Awaitable[Outcome]]


def _when(moment: datetime) -> str:
    return moment.strftime("%a %d %b %H:%M UTC")


async def add_task(connection: Connection, user_id: str, args: dict[str, Any]) -> Outcome:
    job = await add_job(connection, user_id, "task", {"title": args["title"]})
    await store.remember(connection, user_id, "task", args["title"])
    return Outcome(f"I am adding the task: {args['title']}", job, "task")


async def add_reminder(connection: Connection, user_id: str, args: dict[str, Any]) -> Outcome:
    job = await add_job(connection, user_id, "reminder", {"text": args["text"], "due_at": args["due_at"]})
    await store.remember(connection, user_id, "reminder", args["text"])
    return Outcome(
        f"I will remind you on {_when(datetime.fromisoformat(args['due_at']))}: {args['text']}", job, "reminder"
    )


async def note(connection: Connection, user_id: str, args: dict[str, Any]) -> Outcome:
    await store.remember(connection, user_id, "note", args["text"])
    return Outcome(f"Noted: {args['text']}")


async def recall(connection: Connection, user_id: str, args: dict[str, Any]) -> Outcome:
    found = await store.recall(connection, user_id, args["query"])
    if not found:
        return Outcome(f"I remember nothing about {args['query']}.")
    return Outcome("\n".join(f"{row['created_at']:%d %b}: {row['content']}" for row in found))


async def list_tasks(connection: Connection, user_id: str, args: dict[str, Any]) -> Outcome:
    rows = await (
        await connection.execute(
            "SELECT title FROM tasks WHERE user_id = %s AND NOT done ORDER BY created_at LIMIT 20", (user_id,)
        )
    ).fetchall()
    return Outcome("\n".join(f"- {row['title']}" for row in rows) or "You have no open tasks.")


async def list_reminders(connection: Connection, user_id: str, args: dict[str, Any]) -> Outcome:
    rows = await (
        await connection.execute(
            "SELECT text, due_at FROM reminders WHERE user_id = %s AND state = 'pending' ORDER BY due_at LIMIT 20",
            (user_id,),
        )
    ).fetchall()
    return Outcome("\n".join(f"- {_when(row['due_at'])}: {row['text']}" for row in rows) or "You have no reminders.")


async def give_help(connection: Connection, user_id: str, args: dict[str, Any]) -> Outcome:
    return Outcome(args.get("reason") or HELP)


TOOLS: dict[str, Tool] = {
    "add_task": add_task,
    "add_reminder": add_reminder,
    "note": note,
    "recall": recall,
    "list_tasks": list_tasks,
    "list_reminders": list_reminders,
    "help": give_help,
}
