"""Requests a minute per user, or per address if anonymous, counted in Redis for all replicas together.

Fails open: a limit that takes the service down with Redis would do more harm than the requests it stops."""

from __future__ import annotations

import asyncio
import logging
import time

from redis.exceptions import RedisError
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from apps.fastapi_app.middleware.auth import caller_or_none
from personal_assistant.core import metrics
from personal_assistant.core.context import context_of
from personal_assistant.core.http import client_ip, problem

log = logging.getLogger("assistant.rate_limit")

PAUSE_AFTER_FAILURE = 2.0
TIMEOUT = 0.5


class RateLimit:
    def __init__(self, app: ASGIApp, per_minute: int) -> None:
        self._app = app
        self._per_minute = per_minute
        self._skip_until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._per_minute or scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        user = caller_or_none(connection)
        name = f"user:{user.id}" if user else f"ip:{client_ip(connection)}"
        window, second = divmod(int(time.time()), 60)
        used = await self._count(connection, f"rate:{name}:{window}")
        if used > self._per_minute:
            metrics.RATE_LIMITED.inc()
            answer = problem(
                429, "too many requests", {"Retry-After": str(60 - second)}, limit_per_minute=self._per_minute
            )
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _count(self, connection: HTTPConnection, key: str) -> int:
        redis = context_of(connection).redis
        assert redis
        # While Redis is away, only one request every two seconds pays for finding that out.
        if time.monotonic() >= self._skip_until:
            try:
                async with asyncio.timeout(TIMEOUT):
                    async with redis.pipeline(transaction=False) as pipeline:
                        pipeline.incr(key)  # only queued: nothing to await before execute()
                        pipeline.expire(key, 120)
                        count, _ = await pipeline.execute()
                return int(count)
            except (RedisError, OSError, TimeoutError) as error:
                self._skip_until = time.monotonic() + PAUSE_AFTER_FAILURE
                log.warning("rate limit is not counted: %s", type(error).__name__)
        metrics.RATE_LIMIT_UNAVAILABLE.inc()
        return 0
