"""What the worker's main process and its children tell the companion, which is the one that lasts and is scraped."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

from celery import bootsteps, signals
from celery.utils.log import get_logger
from celery.worker.consumer import Consumer
from celery.worker.request import Request
from celery.worker.state import maybe_shutdown
from kombu.transport import redis, virtual

log = get_logger("assistant.worker")

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


@signals.worker_shutting_down.connect
def _stopping(**_: Any) -> None:
    tell("stopping")
