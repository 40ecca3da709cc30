"""What the requests of one process share."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from starlette.requests import HTTPConnection

from personal_assistant.config.settings import Settings
from personal_assistant.database.pool import Database

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from personal_assistant.core.agent_client import AgentClient


class Drain:
    """Set when the process was told to stop, so that long polls end inside the grace period and are not cut off."""

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._deadline: float | None = None
        self.started = asyncio.Event()

    def begin(self) -> None:
        if self._deadline is None:
            self._deadline = time.monotonic() + max(0.0, self._grace - 3)
            self.started.set()

    def limit(self, deadline: float) -> float:
        return deadline if self._deadline is None else min(deadline, self._deadline)


@dataclass
class Context:
    settings: Settings
    database: Database
    drain: Drain
    redis: Redis | None = None
    agent: AgentClient | None = None
    extra: dict[str, object] = field(default_factory=dict)


def context_of(connection: HTTPConnection) -> Context:
    return cast(Context, connection.app.state.context)
