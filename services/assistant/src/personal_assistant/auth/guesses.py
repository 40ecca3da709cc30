"""How often a secret may be guessed, counted in Redis for all replicas. While that is away nobody gets in: a limit that
fails open would be none."""

from __future__ import annotations

import contextlib

from redis.asyncio import Redis
from redis.exceptions import RedisError

from personal_assistant.core import metrics

WINDOW = 900


class TooMany(Exception):
    """No more until so many seconds are over."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = max(1, seconds)


class Guesses:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def count(self, name: str, limit: int) -> None:
        """Counted before it is looked at, so that many at once are no way around it. Raises TooMany."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.incr(name)
            pipeline.expire(name, WINDOW, nx=True)
            pipeline.ttl(name)
            used, _, left = await pipeline.execute()
        if used > limit:
            metrics.RATE_LIMITED.inc()
            raise TooMany(int(left))

    async def left(self, name: str, limit: int) -> None:
        """Counts nothing. Raises TooMany where there is no guess left."""
        if int(await self._redis.get(name) or 0) >= limit:
            metrics.RATE_LIMITED.inc()
            raise TooMany(int(await self._redis.ttl(name)))

    async def forget(self, name: str) -> None:
        """It ends by itself as well: what was guessed right is not undone for want of Redis."""
        with contextlib.suppress(RedisError):
            await self._redis.delete(name)
