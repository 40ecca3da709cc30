"""A queue in Redis whose jobs are kept in a database: how a job is handed in (with the headers of
berth/request_id.py), and Celery's settings for who does so, and for who runs them (berth/worker.py)."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

log = logging.getLogger("berth.queue")

PAUSE = 2.0  # seconds after a failure
#: Its own: one that hangs with Redis is held for many seconds, and files, passwords and names need threads as well.
_threads = ThreadPoolExecutor(4, "signals")
_skip_until = 0.0


async def signal(send: Callable[[], object], seconds: float, **job: str) -> bool:
    """Sends what says that there is a job, after it is stored. Never fails, and takes so many seconds at most.

    Whether it was sent; where it was not, whoever looks for lost jobs sends it again. `job` is for the log."""
    global _skip_until
    # While Redis is away, only what comes every two seconds pays for finding that out.
    if time.monotonic() < _skip_until:
        return False
    try:
        # The thread may go on after the time is up; a signal that is sent twice runs nothing twice.
        work = asyncio.get_running_loop().run_in_executor(_threads, contextvars.copy_context().run, send)
        await asyncio.wait_for(work, seconds)
    except Exception as error:  # kombu wraps errors of several libraries
        _skip_until = time.monotonic() + PAUSE
        log.warning("a job is stored, its signal waits for Redis: %s", type(error).__name__, extra=job)
        return False
    return True


def settings(name: str, time_limit: int) -> dict[str, Any]:
    """Of a queue whose jobs are kept in a database: a message is a signal, and a second delivery does no harm.

    `time_limit`: seconds after which a job is ended."""
    return {
        "task_default_queue": name,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_failure_or_timeout": True,
        "task_time_limit": time_limit,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "broker_connection_timeout": 2,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A command that Redis refuses, as it does while its disk is full, would end the worker.
        "broker_channel_error_retry": True,
        "broker_transport_options": {
            "visibility_timeout": time_limit + 300,
            "socket_connect_timeout": 2,
            "socket_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "queue_order_strategy": "round_robin",
        },
    }
