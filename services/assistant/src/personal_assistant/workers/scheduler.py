"""The worker's clock: reminders that come due, and jobs whose signal was lost. Any number of workers may run it: rows
are claimed with SKIP LOCKED. Celery's own countdowns are not used for reminders, because on Redis a message that waits
longer than the visibility timeout is delivered again and again."""

from __future__ import annotations

import logging
import threading
import time

import psycopg
from celery import Celery
from psycopg.rows import DictRow
from redis import Redis

from personal_assistant.config.settings import Settings
from personal_assistant.core import metrics
from personal_assistant.core.sms import send_sms
from personal_assistant.database.pool import connect_options
from personal_assistant.workers.queue import QUEUE, send

log = logging.getLogger("assistant.scheduler")

Connection = psycopg.Connection[DictRow]
INTERVAL = 2.0
SWEEP_INTERVAL = 5.0


def run(settings: Settings, app: Celery, redis: Redis, stop: threading.Event) -> None:
    swept = 0.0
    while not stop.wait(INTERVAL):
        try:
            with psycopg.connect(settings.database_url, **connect_options(settings)) as connection:
                while not stop.wait(INTERVAL):
                    handle_due(settings, connection)
                    if time.monotonic() - swept >= SWEEP_INTERVAL:
                        sweep(app, redis, connection)
                        swept = time.monotonic()
        except Exception as error:  # a clock that stops at its first error would be silent
            log.warning("scheduler: %s: %s", type(error).__name__, str(error).splitlines()[0] if str(error) else "")


def handle_due(settings: Settings, connection: Connection) -> None:
    rows = connection.execute(
        """
        UPDATE reminders SET state = %s FROM users WHERE users.id = reminders.user_id AND reminders.id IN (
            SELECT id FROM reminders WHERE state = 'pending' AND due_at <= now()
            ORDER BY due_at LIMIT 50 FOR UPDATE SKIP LOCKED
        ) RETURNING reminders.id, reminders.text, users.email
        """,
        ("sending" if settings.sms_out else "due",),
    ).fetchall()
    for row in rows:
        outcome = "due"
        if settings.sms_out:
            number = settings.number_of(row["email"])
            # Claimed before it is sent: after a crash a reminder may be missing once, but is never sent twice.
            outcome = (
                "due"
                if number is None
                else "sent"
                if send_sms(settings, number, f"Reminder: {row['text']}")
                else "failed"
            )
            connection.execute("UPDATE reminders SET state = %s WHERE id = %s", (outcome, row["id"]))
        metrics.REMINDERS_DUE.labels(outcome).inc()
        log.info("reminder %s", outcome, extra={"reminder_id": str(row["id"])})


def sweep(app: Celery, redis: Redis, connection: Connection) -> None:
    """Sends the signal again for jobs that are stored but that nothing will run."""
    with connection.transaction():
        # A running job's lock is free only if the session that ran it is gone.
        orphans = connection.execute(
            """
            UPDATE jobs SET announced_at = clock_timestamp() WHERE id IN (
                SELECT id FROM jobs WHERE state = 'running' AND announced_at < now() - interval '10 s'
                    AND pg_try_advisory_xact_lock(hashtextextended(id::text, 0)) LIMIT 100
            ) RETURNING id, request_id
            """
        ).fetchall()
    unsignalled = []
    if redis.llen(QUEUE) == 0:  # with a backlog, a job that waits is simply waiting
        unsignalled = connection.execute(
            """
            UPDATE jobs SET announced_at = clock_timestamp() WHERE id IN (
                SELECT id FROM jobs WHERE state = 'queued' AND announced_at < now() - interval '10 s'
                ORDER BY announced_at LIMIT 100 FOR UPDATE SKIP LOCKED
            ) RETURNING id, request_id
            """
        ).fetchall()
    for row in (*orphans, *unsignalled):
        send(app, str(row["id"]), row["request_id"])
        log.warning("job is queued again", extra={"job_id": str(row["id"])})
    connection.execute(
        "UPDATE reminders SET state = 'failed' WHERE state = 'sending' AND due_at < now() - interval '10 min'"
    )
