"""What answers for a worker, and for beat (berth/companion.py): health, readiness, metrics."""

from __future__ import annotations

import socket
from functools import partial
from typing import Any

import httpx
from pymongo import MongoClient

from berth.companion import Companion, Pulse, impatient, measure
from berth.observe import DEPENDENCY_UP
from samplemind import metrics
from samplemind.jobs.queue import QUEUE
from samplemind.settings import Settings


def run(settings: Settings, inbox: socket.socket) -> None:
    """Beside a worker, until that is gone."""
    redis = impatient(settings.redis_url)
    mongo: MongoClient[dict[str, Any]] = MongoClient(
        settings.mongo_url, serverSelectionTimeoutMS=2000, socketTimeoutMS=2000, connectTimeoutMS=2000
    )
    metrics.RELEASE.labels(settings.version).set(1)

    Companion(
        settings.role,
        settings.port,
        {
            "redis": redis.ping,
            "mongo": lambda: mongo[settings.mongo_database]["_"].find_one({"_id": ""}, {"_id": 1}),
            "chroma": lambda: httpx.get(
                f"{settings.chroma_url}/api/v2/heartbeat", timeout=2, trust_env=False
            ).raise_for_status(),
        },
        _checked,
        hear,
        partial(measure, redis, QUEUE, metrics.QUEUE_LENGTH),
        tuple(settings.features_off()),
    ).run(inbox)


def hear(kind: str, rest: list[Any]) -> None:
    if kind == "finished":
        outcome, runtime, sound = rest
        metrics.ANALYSES.labels(outcome).inc()
        if runtime is not None:
            metrics.ANALYSIS_SECONDS.observe(runtime)
            metrics.SOUND_SECONDS.inc(sound)
    elif kind == "timed out":
        metrics.ANALYSES.labels(kind).inc()
    elif kind == "requeued":
        metrics.REQUEUED.inc(*rest)


def of_beat(settings: Settings, pulse: Pulse) -> Companion:
    """In beat's own process, which has no children."""
    metrics.RELEASE.labels(settings.version).set(1)
    checks = {"redis": impatient(settings.redis_url).ping}
    return Companion(settings.role, settings.port, checks, _checked, pulse=pulse)


def _checked(name: str, up: bool) -> None:
    DEPENDENCY_UP.labels(name).set(up)
