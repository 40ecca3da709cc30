"""The Celery services of the image, one mode each: worker, beat, flower; and ping, which asks this container's worker.

All settings come from the environment (samplemind/settings.py). Each mode waits until Redis and MongoDB answer, and
says which of them does not."""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

from celery import Celery, beat, signals
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from redis import Redis, RedisError

from berth import observe, worker
from berth.companion import Pulse
from samplemind.jobs import companion, tasks
from samplemind.jobs.queue import QUEUE, UPKEEP, celery_app
from samplemind.settings import ConfigError, Settings, load

log = logging.getLogger("samplemind.celery")

MODES = ("worker", "beat", "flower")
BEAT_FILE = "/tmp/beat.db"  # what ran when; lost with the container, which repeats at most what may be repeated
UNAVAILABLE = 69  # as `celery inspect` exits


def stores_answer(settings: Settings) -> list[str]:
    """What is wrong, one line each store that does not answer. As a user: with the password that it has."""
    problems = []
    try:
        with Redis.from_url(settings.redis_url, socket_timeout=2, socket_connect_timeout=2) as redis:
            redis.ping()
    except (RedisError, OSError) as error:
        problems.append(f"redis: {error}")
    mongo: MongoClient[dict[str, Any]]
    try:
        with MongoClient(settings.mongo_url, serverSelectionTimeoutMS=2000, socketTimeoutMS=2000) as mongo:
            mongo[settings.mongo_database]["_"].find_one({"_id": ""}, {"_id": 1})
    except PyMongoError as error:
        problems.append(f"mongo: {str(error).split(', Timeout')[0][:300]}")
    return problems


def wait(settings: Settings, ask: Callable[[Settings], list[str]] = stores_answer, pause: float = 2.0) -> bool:
    """Whether the stores answered in time."""
    deadline = time.monotonic() + settings.wait_for_stores
    while problems := ask(settings):
        for problem in problems:
            log.warning("waiting for %s", problem)
        if time.monotonic() + pause > deadline:
            log.error("gave up after %d s (WAIT_FOR_STORES): %s", settings.wait_for_stores, "; ".join(problems))
            return False
        time.sleep(pause)
    return True


def run_worker(settings: Settings, app: Celery) -> int:
    tasks.register(app, settings)

    @signals.worker_process_init.connect(weak=False)
    def in_child(**_: object) -> None:
        # A file that would take more fails as itself, and not with everything in the container.
        resource.setrlimit(resource.RLIMIT_DATA, (settings.analysis_memory, settings.analysis_memory))
        settings.trace("celery", "httpx", "pymongo")  # here, because the exporter's thread does not survive a fork

    @signals.worker_ready.connect(weak=False)
    def ready(**_: object) -> None:
        log.info("ready", extra={"concurrency": settings.concurrency, "autoscale": str(settings.autoscale or "off")})

    return worker.run(
        app,
        partial(companion.run, settings),
        settings.log_level,
        concurrency=settings.concurrency,
        autoscale=settings.autoscale,
        queues=[QUEUE, UPKEEP],
        without_heartbeat=False,  # Flower's
    )


def run_beat(settings: Settings, app: Celery) -> int:
    pulse = Pulse()
    companion.of_beat(settings, pulse).serve()

    class Scheduler(beat.PersistentScheduler):
        def tick(self, *args: Any, **kwargs: Any) -> Any:
            pulse.beat()
            return super().tick(*args, **kwargs)

    # It stops between two looks: a release waits for it, and nothing is handed in meanwhile.
    service = beat.Service(app, max_interval=1, schedule_filename=BEAT_FILE, scheduler_cls=Scheduler)

    def stop(*_: object) -> None:
        service.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log.info("ready", extra={"schedule": ", ".join(app.conf.beat_schedule)})
    service.start()
    log.info("stopped")
    return 0


def run_flower(settings: Settings, app: Celery) -> int:
    # In the arguments of this call, not in those of the process.
    app.start(
        [
            "flower",
            "--address=0.0.0.0",
            f"--port={settings.port}",
            f"--basic-auth={settings.flower_basic_auth}",
            "--persistent=False",
        ]
    )
    return 0


def ping(app: Celery) -> int:
    """SM-30: the worker of this container, by Celery's own inspection. Costs a second of processor time, most of it
    the start of Python: the health check asks the companion, which the worker's own loop keeps alive."""
    name = f"worker@{socket.gethostname()}"
    answers = app.control.inspect(destination=[name], timeout=5).ping() or {}
    print(json.dumps(answers or {"error": f"{name} does not answer"}))
    return 0 if name in answers else UNAVAILABLE


def main(argv: list[str]) -> int:
    mode = argv[0] if argv else os.environ.get("CELERY_MODE", "")
    if mode not in (*MODES, "ping"):
        print(f"celery-entrypoint: got {mode!r}, needs one of {', '.join(MODES)}, ping", file=sys.stderr)
        return 2
    os.environ.setdefault("SERVICE", mode)
    observe.set_up_logs(os.environ.get("LOG_LEVEL", "INFO").upper())
    for noisy in ("celery.app.trace", "celery.worker.strategy", "httpx", "httpcore", "kombu", "tornado.access"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    try:
        settings = load("worker" if mode == "ping" else mode)
    except ConfigError as error:
        log.error("the configuration is not valid", extra={"problems": str(error)})
        print("celery-entrypoint: the configuration is not valid:", *error.problems, sep="\n  - ", file=sys.stderr)
        return 2
    app = celery_app(settings)
    if mode == "ping":
        return ping(app)
    # Until a mode has its own: who is told to stop while it waits stops.
    signal.signal(signal.SIGTERM, _stopped_early)
    log.info("starting %s", mode, extra={"version": settings.version})
    if not wait(settings):
        return 1
    return {"worker": run_worker, "beat": run_beat, "flower": run_flower}[mode](settings, app)


def _stopped_early(_: int, __: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
