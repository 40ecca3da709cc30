"""Redis for requests: short timeouts and one repeat.

The client's default of several with backoff would hold a request for tens of seconds."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from personal_assistant.config.settings import Settings


def connect(settings: Settings) -> Redis:
    return Redis.from_url(
        settings.redis_url,
        decode_responses=True,
        socket_timeout=1,
        socket_connect_timeout=1,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 1),
        client_name=f"assistant-{settings.role}",
    )
