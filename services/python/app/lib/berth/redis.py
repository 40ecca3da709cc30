"""Redis as a request sees it: an answer, or an exception soon."""

from __future__ import annotations

import os
from pathlib import Path

from redis import asyncio as aioredis
from redis.exceptions import RedisError

from berth.remote import Remote

WAIT = 2.0  # seconds for a connection, and for an answer


class Redis(Remote):
    name = "redis"
    away = (RedisError,)  # or it answers that its memory is full, its disk is, or it only reads

    def __init__(self) -> None:
        """Reads REDIS_URL_FILE once: a new password is another file, and another container."""
        url = Path(os.environ["REDIS_URL_FILE"]).read_text().strip()
        self.client: aioredis.Redis = aioredis.Redis.from_url(
            url, decode_responses=True, socket_connect_timeout=WAIT, socket_timeout=WAIT
        )

    async def close(self) -> None:
        await self.client.aclose()

    async def check(self) -> None:
        with self.told():
            await self.client.ping()
