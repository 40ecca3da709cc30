"""Redis for requests: short timeouts and one repeat.

The client's default of several with backoff would hold a request for tens of seconds."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Connection, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError

from personal_assistant.config.settings import Settings


class _Connection(Connection):
    """A connection that Redis ended a moment ago is a RuntimeError of uvloop.

    The client would neither repeat nor call it its own."""

    async def send_packed_command(self, *args: Any, **kwargs: Any) -> None:
        try:
            await super().send_packed_command(*args, **kwargs)
        except RuntimeError as error:
            await self.disconnect(nowait=True)
            raise ConnectionError(str(error)) from error


def connect(settings: Settings) -> Redis:
    return Redis.from_url(
        settings.redis_url,
        connection_class=_Connection,
        decode_responses=True,
        socket_timeout=1,
        socket_connect_timeout=1,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 1),
        client_name=f"assistant-{settings.role}",
    )
