"""The worker's other process: health, metrics and the clock.

A process of its own because Celery forks its children from the main process whenever it needs one, and a fork while
another thread is inside libpq or the resolver leaves the child with a lock that is never released: the child hangs at
its first connection. So the main process has no other thread and never touches the database; it only tells this one
what happens."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import psycopg
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from personal_assistant.config.settings import Settings
from personal_assistant.core import metrics
from personal_assistant.database.pool import connect_options
from personal_assistant.workers import scheduler
from personal_assistant.workers.queue import QUEUE, celery_app

log = logging.getLogger("assistant.worker")

#: Longer than any single wait of the main loop on Redis (5 s), or an outage would look like a hang.
HANG_SECONDS = 30.0


class Pulse:
    """Whether the main process's loop still turns."""

    def __init__(self) -> None:
        self.last = time.monotonic()
        self.stopping = False

    def alive(self) -> bool:
        # While a running job finishes during a stop the loop does not turn any more, and must not be killed for it.
        return self.stopping or time.monotonic() - self.last < HANG_SECONDS


def run(settings: Settings, inbox: socket.socket) -> None:
    """Until the main process is gone."""
    signal.signal(
        signal.SIGTERM, signal.SIG_IGN
    )  # a stop is the main process's matter: health is answered until it is done
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    redis = Redis.from_url(settings.redis_url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 1))
    metrics.RELEASE.labels(settings.version).set(1)
    pulse = Pulse()
    threading.Thread(target=_http_server(settings, redis, pulse).serve_forever, daemon=True, name="http").start()
    clock = (settings, celery_app(settings), redis, threading.Event())
    threading.Thread(target=scheduler.run, args=clock, daemon=True, name="clock").start()
    parent = os.getppid()
    inbox.settimeout(1)
    # The children hold the other end too, so its closing alone would not tell that the main process is gone.
    while os.getppid() == parent:
        try:
            message = inbox.recv(4096)
        except TimeoutError:
            continue
        if not message:
            break
        kind, *rest = json.loads(message)
        if kind == "beat":
            pulse.last = time.monotonic()
        elif kind == "stopping":
            pulse.stopping = True
        elif kind == "finished":
            outcome, runtime = rest
            metrics.JOBS_FINISHED.labels(outcome).inc()
            if runtime is not None:
                metrics.JOB_RUNTIME.observe(runtime)
        elif kind == "timed out":
            metrics.JOBS_FINISHED.labels(kind).inc()
            threading.Thread(target=_mark_timed_out, args=(settings, *rest), daemon=True).start()
    os._exit(0)


def _mark_timed_out(settings: Settings, job_id: str, timeout: float) -> None:
    """The child that ran the job was killed, so it could not say so itself."""
    try:
        with psycopg.connect(settings.database_url, **connect_options(settings)) as connection:
            connection.execute(
                "UPDATE jobs SET state = 'failed', error = %s, finished_at = clock_timestamp() "
                "WHERE id = %s AND state = 'running'",
                (f"took longer than {timeout:.0f} s", job_id),
            )
    except psycopg.Error as error:
        log.error("could not mark the job that timed out: %s", error, extra={"job_id": job_id})


def _http_server(settings: Settings, redis: Redis, pulse: Pulse) -> ThreadingHTTPServer:
    def database() -> None:
        with psycopg.connect(
            settings.database_url, **{**connect_options(settings, 2), "connect_timeout": 2}
        ) as connection:
            connection.execute("SELECT 1")

    def ready() -> tuple[int, dict[str, object]]:
        checks: dict[str, object] = {}
        good = True
        for name, check in (("database", database), ("redis", redis.ping)):
            started = time.perf_counter()
            error = None
            try:
                check()
            except (psycopg.Error, RedisError, OSError) as failure:
                error, good = str(failure).splitlines()[0] if str(failure) else type(failure).__name__, False
            metrics.DEPENDENCY_UP.labels(name).set(error is None)
            result: dict[str, object] = {"ok": error is None, "ms": round((time.perf_counter() - started) * 1000, 1)}
            checks[name] = result if error is None else {**result, "error": error}
        body: dict[str, object] = {
            "status": "ready" if good else "not ready",
            "checks": checks,
            "features_off": sorted(settings.features_off()),
        }
        return (200 if good else 503), body

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            route = urlsplit(self.path)
            if route.path == "/health":
                alive = pulse.alive()
                self._json(200 if alive else 503, {"status": "ok" if alive else "hung", "service": settings.role})
            elif route.path == "/ready" and parse_qs(route.query).get("scope", ["all"])[0] in ("all", "data"):
                self._json(*ready())
            elif route.path == "/metrics":
                try:
                    metrics.QUEUE_LENGTH.set(redis.llen(QUEUE))
                except RedisError:
                    metrics.QUEUE_LENGTH.set(float("nan"))
                self._answer(200, metrics.generate_latest(), metrics.CONTENT_TYPE_LATEST)
            else:
                self._json(404, {"error": "Not Found"})

        def _json(self, status: int, body: dict[str, object]) -> None:
            self._answer(status, json.dumps(body).encode(), "application/json")

        def _answer(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            log.debug("%s", self.path)

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            log.debug("a caller hung up", exc_info=True)  # instead of a traceback past our logging

    server = Server(("0.0.0.0", settings.port), Handler)
    server.daemon_threads = True
    return server
