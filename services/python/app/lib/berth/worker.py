"""A Celery worker, and what its main process and children tell its companion, which lasts and is scraped."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from celery import Celery, bootsteps, signals
from celery.apps import worker as celery_worker
from celery.utils.log import get_logger
from celery.worker.consumer import Consumer
from celery.worker.request import Request
from celery.worker.state import maybe_shutdown
from kombu.transport import redis, virtual

from berth import request_id

log = get_logger("berth.worker")

_outbox: socket.socket | None = None


def connect(outbox: socket.socket) -> None:
    global _outbox
    outbox.setblocking(False)  # a slow companion must never hold up the main loop
    _outbox = outbox


def tell(*message: object) -> None:
    if _outbox is not None:
        with contextlib.suppress(OSError):
            _outbox.send(json.dumps(message).encode())


class PulseStep(bootsteps.StartStopStep):
    """Beats from the main loop's own timer; added anew on each connection, because the timers end with it."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Consumer) -> None:
        consumer.timer.call_repeatedly(1.0, tell, ("beat",))


class PatientConsumer(Consumer):
    """Celery's own reconnection slows down to 30 s; after a Redis restart jobs should go on within seconds."""

    def ensure_connected(self, conn: Any) -> Any:
        def failed(error: BaseException, interval: float) -> None:
            tell("beat")
            log.warning("redis does not answer (%s), trying again", type(error).__name__)

        conn.ensure_connection(failed, None, interval_start=1, interval_step=0, interval_max=1, callback=maybe_shutdown)
        self.first_connection_attempt = False
        return conn


class ForgivingQoS(redis.QoS):
    """kombu's own leaves a slot taken for ever by a message whose acknowledgement failed. Once an outage of Redis has
    ended as many jobs as there are slots, the worker fetches nothing any more, nor does it see that its connection is
    gone. (kombu 5.7.0)"""

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue=requeue)
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise


class ObservedRequest(Request):
    def on_timeout(self, soft: bool, timeout: float) -> None:
        tell("timed out", self.id, timeout)
        super().on_timeout(soft, timeout)


@signals.task_prerun.connect
def _begun(task: Any, **_: Any) -> None:
    request_id.current.set(task.request.get(request_id.HEADER))


@signals.worker_shutting_down.connect
def _stopping(**_: Any) -> None:
    tell("stopping")


def run(app: Celery, companion: Callable[[socket.socket], object], log_level: str, **options: Any) -> int:
    """Runs the worker of `app`, and beside it its companion (berth/companion.py), until it is told to stop.

    `options` are Celery's own of a worker. Returns the exit code."""
    outbox, inbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    companion_pid = os.fork()
    if companion_pid == 0:
        outbox.close()  # or the end of the main process would never be seen
        companion(inbox)
    inbox.close()
    connect(outbox)
    app.steps["consumer"].add(PulseStep)
    redis.Channel.QoS = ForgivingQoS
    app.conf.worker_consumer = f"{__name__}:{PatientConsumer.__qualname__}"

    @signals.setup_logging.connect(weak=False)
    def keep_our_logging(**_: object) -> None:
        """A connected receiver is what keeps celery from replacing the handlers."""

    # Both write past our logging otherwise, and every line must be JSON.
    logging.getLogger("multiprocessing").handlers[:] = logging.getLogger().handlers
    celery_worker.safe_say = lambda message, f=None: log.info(message.strip())  # type: ignore[attr-defined]  # not in celery-types
    defaults = {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}
    worker = app.Worker(
        hostname=f"worker@{socket.gethostname()}",
        pool_cls="prefork",
        loglevel=log_level,
        quiet=True,
        statedb=None,
        **(defaults | options),
    )
    try:
        worker.start()
    finally:
        os.kill(companion_pid, signal.SIGKILL)
        os.waitpid(companion_pid, 0)
    log.info("stopped")
    return int(worker.exitcode or os.EX_OK)
