"""What a job does. The effect and the row's state 'done' are one transaction, so a job that is delivered twice, or
whose worker died, takes effect exactly once; an advisory lock, which dies with its holder's session, keeps two
deliveries from running at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import psycopg
from celery import Celery
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from berth.worker import tell
from personal_assistant.config.settings import Settings
from personal_assistant.core import logs, tracing
from personal_assistant.core.summary import summarise
from personal_assistant.database.pool import AWAY, connect_options
from personal_assistant.workers.queue import RUN_JOB

log = logging.getLogger("assistant.jobs")

Connection = psycopg.Connection[DictRow]
MAX_ATTEMPTS = 5
BUSY_RETRY_SECONDS = 5


def _task(connection: Connection, job: DictRow) -> dict[str, Any]:
    row = connection.execute(
        "INSERT INTO tasks (user_id, title) VALUES (%s, %s) RETURNING id", (job["user_id"], job["args"]["title"])
    ).fetchone()
    assert row
    return {"task_id": str(row["id"])}


def _reminder(connection: Connection, job: DictRow) -> dict[str, Any]:
    row = connection.execute(
        "INSERT INTO reminders (job_id, user_id, text, due_at) VALUES (%s, %s, %s, %s) RETURNING id",
        (job["id"], job["user_id"], job["args"]["text"], job["args"]["due_at"]),
    ).fetchone()
    assert row
    return {"reminder_id": str(row["id"])}


def _summarise(connection: Connection, job: DictRow) -> dict[str, Any]:
    return summarise(job["args"]["text"])


KINDS: dict[str, Callable[[Connection, DictRow], dict[str, Any]]] = {
    "task": _task,
    "reminder": _reminder,
    "summarise": _summarise,
}


class Busy(Exception):
    """Another worker runs this job now."""


def execute(settings: Settings, job_id: str) -> str:
    """Returns what became of it: done, failed, or skipped if there was nothing left to do."""
    with psycopg.connect(settings.database_url, **connect_options(settings)) as connection:
        locked = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0)) AS got", (job_id,)).fetchone()
        if not (locked and locked["got"]):
            raise Busy
        job = connection.execute(
            """
            UPDATE jobs SET state = 'running', attempts = attempts + 1,
                started_at = clock_timestamp(), announced_at = clock_timestamp()
            WHERE id = %s AND state IN ('queued', 'running') RETURNING id, user_id, kind, args, attempts
            """,
            (job_id,),
        ).fetchone()
        if job is None:
            return "skipped"
        logs.user_id.set(str(job["user_id"]))
        if job["attempts"] > MAX_ATTEMPTS:
            return _fail(connection, job_id, f"gave up: its worker was lost {MAX_ATTEMPTS} times")
        time.sleep(float(job["args"].get("delay", 0)))
        try:
            with connection.transaction():
                result = KINDS[job["kind"]](connection, job)
                connection.execute(
                    "UPDATE jobs SET state = 'done', result = %s, finished_at = clock_timestamp() WHERE id = %s",
                    (Jsonb(result), job_id),
                )
        except AWAY:
            raise  # to be tried again
        except Exception as error:  # whatever else goes wrong is this job's result
            log.exception("job failed", extra={"job_id": job_id, "kind": job["kind"]})
            return _fail(connection, job_id, f"{type(error).__name__}: {error}".splitlines()[0])
    return "done"


def _fail(connection: Connection, job_id: str, reason: str) -> str:
    connection.execute(
        "UPDATE jobs SET state = 'failed', error = %s, finished_at = clock_timestamp() WHERE id = %s",
        (reason[:500], job_id),
    )
    return "failed"


def register(app: Celery, settings: Settings) -> None:
    @app.task(name=RUN_JOB, bind=True, max_retries=None, Request="berth.worker:ObservedRequest")
    def run_job(self: Any, job_id: str, request_id: str | None = None) -> str:
        logs.request_id.set(request_id)
        logs.user_id.set(None)
        logs.trace_id.set(tracing.current_trace_id(settings, None))
        started = time.perf_counter()
        try:
            outcome = execute(settings, job_id)
        except Busy as error:
            tell("finished", "retried", None)
            raise self.retry(countdown=BUSY_RETRY_SECONDS, exc=error) from error
        except AWAY as error:
            log.warning("database unavailable, the job is tried again", extra={"job_id": job_id})
            tell("finished", "retried", None)
            raise self.retry(countdown=min(2 + self.request.retries * 2, 15), exc=error) from error
        runtime = time.perf_counter() - started
        log.info(
            "job %s", outcome, extra={"job_id": job_id, "outcome": outcome, "duration_ms": round(runtime * 1000, 1)}
        )
        tell("finished", outcome, runtime if outcome != "skipped" else None)
        return outcome
