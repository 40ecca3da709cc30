"""Jobs: a row in Postgres is the truth, a message in Redis only the signal to run it. A signal that is lost or cannot
be sent is sent again by the worker's sweep, so a job that was accepted is run even if Redis was down or emptied."""

from __future__ import annotations

import uuid
from functools import cache
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from berth import queue
from personal_assistant.config.settings import Settings
from personal_assistant.core import logs, metrics
from personal_assistant.database.pool import Connection

if TYPE_CHECKING:
    from celery import Celery

QUEUE = "assistant"
RUN_JOB = "assistant.run_job"
SEND_TIMEOUT = 2.0


async def add_job(connection: Connection, user_id: str, kind: str, args: dict[str, object]) -> str:
    """Inside the caller's transaction: the job exists if and only if what asked for it does."""
    job_id = str(uuid.uuid4())
    await connection.execute(
        "INSERT INTO jobs (id, user_id, kind, args, request_id) VALUES (%s, %s, %s, %s, %s)",
        (job_id, user_id, kind, Jsonb(args), logs.request_id.get()),
    )
    return job_id


async def announce(settings: Settings, job_id: str, kind: str) -> None:
    """After the commit. Never fails and never takes long: see the module."""
    request_id = logs.request_id.get()
    sent = await queue.signal(lambda: send(celery_app(settings), job_id, request_id), SEND_TIMEOUT, job_id=job_id)
    metrics.JOBS_QUEUED.labels(kind, "sent" if sent else "deferred").inc()


def send(app: Celery, job_id: str, request_id: str | None) -> None:
    app.send_task(
        RUN_JOB,
        kwargs={"job_id": job_id, "request_id": request_id},
        task_id=job_id,
        queue=QUEUE,
        retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2},
    )


@cache
def celery_app(settings: Settings) -> Celery:
    from celery import Celery  # 0.2 s: only a process that queues or runs jobs pays for it

    app = Celery("assistant", broker=settings.redis_url)
    app.conf.update(
        queue.settings(QUEUE, settings.worker_task_time_limit),
        task_ignore_result=True,  # results live in the jobs table
        worker_prefetch_multiplier=1,
        worker_concurrency=settings.worker_concurrency,
        worker_max_tasks_per_child=1000,
        worker_send_task_events=False,
        # Remote control, gossip and mingle need publish/subscribe channels, which the Redis account need not have.
        worker_enable_remote_control=False,
    )
    return app
