"""What the worker's other process (berth/companion.py) knows of this system: its stores, its metrics, the clock."""

from __future__ import annotations

import logging
import socket
import threading
from functools import partial
from typing import Any

import psycopg

from berth.companion import Companion, impatient, measure
from personal_assistant.config.settings import Settings
from personal_assistant.core import metrics
from personal_assistant.database.pool import connect_options
from personal_assistant.workers import scheduler
from personal_assistant.workers.queue import QUEUE, celery_app

log = logging.getLogger("assistant.worker")


def run(settings: Settings, inbox: socket.socket) -> None:
    """Until the main process is gone."""
    redis = impatient(settings.redis_url)
    metrics.RELEASE.labels(settings.version).set(1)
    clock = (settings, celery_app(settings), redis, threading.Event())
    threading.Thread(target=scheduler.run, args=clock, daemon=True, name="clock").start()

    def database() -> None:
        with psycopg.connect(
            settings.database_url, **{**connect_options(settings, 2), "connect_timeout": 2}
        ) as connection:
            connection.execute("SELECT 1")

    def hear(kind: str, rest: list[Any]) -> None:
        if kind == "finished":
            outcome, runtime = rest
            metrics.JOBS_FINISHED.labels(outcome).inc()
            if runtime is not None:
                metrics.JOB_RUNTIME.observe(runtime)
        elif kind == "timed out":
            metrics.JOBS_FINISHED.labels(kind).inc()
            threading.Thread(target=_mark_timed_out, args=(settings, *rest), daemon=True).start()

    Companion(
        settings.role,
        settings.port,
        {"database": database, "redis": redis.ping},
        lambda name, up: metrics.DEPENDENCY_UP.labels(name).set(up),
        hear,
        partial(measure, redis, QUEUE, metrics.QUEUE_LENGTH),
        tuple(settings.features_off()),
    ).run(inbox)


def _mark_timed_out(settings: Settings, job_id: str, timeout: float) -> None:
    """The child that ran the job was killed, so it could not say so itself."""
    try:
        with psycopg.connect(settings.database_url, **connect_options(settings)) as connection:
            connection.execute(
                "UPDATE jobs SET state = 'failed', error = %s, finished_at = clock_timestamp() "
                "WHERE id = %s AND state = 'running'",
                (f"took longer than {timeout:.0f} s", job_id),
            )
    except psycopg.Error as error:
        log.error("could not mark the job that timed out: %s", error, extra={"job_id": job_id})
