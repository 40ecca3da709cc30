"""Nexus's sessions, in Redis: they outlive a process, and every replica has them. Nexus's own are in its memory."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis

WAIT = 2.0  # seconds for a connection, and for an answer
#: Their own: while Redis hangs, each is held for as long, and names need threads as well.
_threads = ThreadPoolExecutor(8, "sessions")


async def asked(work: Callable[..., Any], *args: Any) -> Any:
    """What one of the methods below gives. Raises TimeoutError where too many wait for Redis already."""
    return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(_threads, work, *args), 2 * WAIT)


ID = re.compile(r"[A-Za-z0-9-]{16,64}")


class Sessions:
    """In place of nexus.channels.SessionManager, whose methods these are. Raises redis.RedisError."""

    def __init__(self, client: Any, ttl: int) -> None:
        self._redis, self._ttl = client, ttl

    def create_session(self, session_id: str, channel: str) -> dict[str, Any]:
        self._write(session_id, {"created_by": channel, f"channel:{channel}": "1"})
        return {"id": session_id, "created_by": channel, "data": {}, "channels": [channel]}

    def sync_session(self, session_id: str, channel: str) -> dict[str, Any] | None:
        """None: there is no such session. Else it is also the channel's from now on."""
        if not self._redis.exists(self._key(session_id)):
            return None
        self._write(session_id, {f"channel:{channel}": "1"})
        found: dict[str, str] = self._redis.hgetall(self._key(session_id))
        return {
            "id": session_id,
            "created_by": found.get("created_by", channel),
            "data": {name[5:]: json.loads(value) for name, value in found.items() if name.startswith("data:")},
            "channels": sorted(name[8:] for name in found if name.startswith("channel:")),
        }

    def update_session(self, session_id: str, data: dict[str, Any]) -> None:
        if self._redis.exists(self._key(session_id)):
            self._write(session_id, {f"data:{name}": json.dumps(value) for name, value in data.items()})

    def _write(self, session_id: str, fields: dict[str, str]) -> None:
        with self._redis.pipeline() as pipeline:
            pipeline.hset(self._key(session_id), mapping=fields)
            pipeline.expire(self._key(session_id), self._ttl)
            pipeline.execute()

    @staticmethod
    def _key(session_id: str) -> str:
        return f"kailash:session:{session_id}"


def connect(url: str, ttl: int) -> Sessions:
    client = redis.Redis.from_url(url, decode_responses=True, socket_connect_timeout=WAIT, socket_timeout=WAIT)
    return Sessions(client, ttl)
