"""Celery's settings for a queue in Redis: for who queues jobs (with the headers of berth/request_id.py), and for who
runs them (berth/worker.py)."""

from __future__ import annotations

from typing import Any


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
