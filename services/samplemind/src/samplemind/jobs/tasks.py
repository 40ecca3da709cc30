"""The jobs as Celery's tasks."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from redis import Redis

from berth.chroma import Chroma
from berth.mongo import Mongo
from berth.worker import tell
from samplemind.jobs import work
from samplemind.jobs.queue import ANALYSE, CLEAN_UP, QUEUE, REQUEUE, STATISTICS, send
from samplemind.settings import Settings

log = logging.getLogger("samplemind.jobs")

T = TypeVar("T")

AWAY = (*Mongo.away, *Chroma.away)
BUSY_RETRY_SECONDS = 10


def register(app: Celery, settings: Settings) -> None:
    def job(name: str) -> Callable[[Callable[..., Any]], Any]:
        return app.task(name=name, bind=True, max_retries=None, Request="berth.worker:ObservedRequest")

    def with_stores(do: Callable[[work.Stores], Awaitable[T]]) -> T:
        async def whole() -> T:
            async with work.stores(settings) as has:
                return await do(has)

        return asyncio.run(whole())

    def unless_away(task: Any, do: Callable[[work.Stores], Awaitable[T]]) -> T:
        try:
            return with_stores(do)
        except AWAY as error:
            log.warning("%s waits: %s", task.name, str(error).splitlines()[0][:200] if str(error) else error)
            tell("finished", "retried", None, 0)
            raise task.retry(countdown=min(2 + task.request.retries * 2, 30), exc=error) from error

    @job(ANALYSE)
    def analyse(self: Any, sample: str) -> str:
        owner = uuid.uuid4().hex
        started = time.perf_counter()
        try:
            outcome, sound = unless_away(self, lambda has: work.analyse_sample(settings, has, sample, owner))
        except work.Busy as error:
            tell("finished", "retried", None, 0)
            raise self.retry(countdown=BUSY_RETRY_SECONDS, exc=error) from error
        except SoftTimeLimitExceeded:
            outcome, sound = with_stores(lambda has: work.give_up(settings, has, sample, owner))
        seconds = time.perf_counter() - started
        log.info("analysis: %s", outcome, extra={"sample": sample, "duration_ms": round(seconds * 1000, 1)})
        tell("finished", outcome, seconds if outcome != "skipped" else None, sound)
        return outcome

    @job(REQUEUE)
    def requeue(self: Any) -> int:
        with Redis.from_url(settings.redis_url, socket_timeout=2, socket_connect_timeout=2) as redis:
            length = int(redis.llen(QUEUE))
        lost = unless_away(self, lambda has: work.requeue(settings, has, length))
        for sample in lost:
            send(settings, sample)
        if lost:
            log.warning("%d samples had lost their jobs", len(lost))
            tell("requeued", len(lost))
        return len(lost)

    @job(STATISTICS)
    def statistics(self: Any) -> int:
        return int(unless_away(self, work.count)["samples"])

    @job(CLEAN_UP)
    def clean_up(self: Any) -> dict[str, int]:
        removed = unless_away(self, lambda has: work.clean_up(settings, has))
        log.info("cleaned up", extra=removed)
        return removed
