"""The worker: Celery runs the jobs in child processes.

A companion process answers for health and metrics and keeps the clock."""

from __future__ import annotations

import logging
import os
import signal
import socket

from celery import signals
from celery.apps import worker as celery_worker
from kombu.transport import redis

from personal_assistant.config.settings import Settings
from personal_assistant.core import tracing
from personal_assistant.workers import companion, jobs, observe
from personal_assistant.workers.queue import QUEUE, celery_app

log = logging.getLogger("assistant.worker")


def run(settings: Settings) -> int:
    outbox, inbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    companion_pid = os.fork()
    if companion_pid == 0:
        outbox.close()  # or the end of the main process would never be seen
        companion.run(settings, inbox)
    inbox.close()
    observe.connect(outbox)
    app = celery_app(settings)
    jobs.register(app, settings)
    app.steps["consumer"].add(observe.PulseStep)
    redis.Channel.QoS = observe.ForgivingQoS
    app.conf.worker_consumer = f"{observe.__name__}:{observe.PatientConsumer.__qualname__}"

    @signals.setup_logging.connect(weak=False)
    def keep_our_logging(**_: object) -> None:
        """A connected receiver is what keeps celery from replacing the handlers."""

    @signals.worker_process_init.connect(weak=False)
    def in_child(**_: object) -> None:
        tracing.setup(settings)  # here, because the exporter's thread does not survive a fork

    @signals.worker_ready.connect(weak=False)
    def ready(**_: object) -> None:
        log.info("ready", extra={"concurrency": settings.worker_concurrency})

    # Both write past our logging otherwise, and every line must be JSON.
    logging.getLogger("multiprocessing").handlers[:] = logging.getLogger().handlers
    celery_worker.safe_say = lambda message, f=None: log.info(message.strip())  # type: ignore[attr-defined]  # not in celery-types
    worker = app.Worker(
        hostname=f"worker@{socket.gethostname()}",
        pool_cls="prefork",
        concurrency=settings.worker_concurrency,
        queues=[QUEUE],
        loglevel=settings.log_level,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
        statedb=None,
    )
    try:
        worker.start()
    finally:
        os.kill(companion_pid, signal.SIGKILL)
        os.waitpid(companion_pid, 0)
    log.info("stopped")
    return int(worker.exitcode or os.EX_OK)
