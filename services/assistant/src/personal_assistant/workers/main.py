"""The worker: Celery runs the jobs in child processes.

A companion process answers for health and metrics and keeps the clock."""

from __future__ import annotations

import logging
from functools import partial

from celery import signals

from berth import worker
from personal_assistant.config.settings import Settings
from personal_assistant.core import tracing
from personal_assistant.workers import companion, jobs
from personal_assistant.workers.queue import QUEUE, celery_app

log = logging.getLogger("assistant.worker")


def run(settings: Settings) -> int:
    app = celery_app(settings)
    jobs.register(app, settings)

    @signals.worker_process_init.connect(weak=False)
    def in_child(**_: object) -> None:
        tracing.setup(settings)  # here, because the exporter's thread does not survive a fork

    @signals.worker_ready.connect(weak=False)
    def ready(**_: object) -> None:
        log.info("ready", extra={"concurrency": settings.worker_concurrency})

    return worker.run(
        app,
        partial(companion.run, settings),
        settings.log_level,
        concurrency=settings.worker_concurrency,
        queues=[QUEUE],
    )
