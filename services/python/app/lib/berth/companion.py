"""A Celery worker's other process: health, readiness and metrics over HTTP.

A process of its own because Celery forks its children from the main process whenever it needs one, and a fork while
another thread is inside a database's library or the resolver leaves the child with a lock that is never released: the
child hangs at its first connection. So the main process has no other thread and never touches a database; it only
tells this one what happens (berth/worker.py)."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlsplit

from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger("berth.companion")

#: Longer than any single wait of the main loop on Redis (5 s), or an outage would look like a hang.
HANG_SECONDS = 30.0


def impatient(url: str) -> Redis:
    """A client of Redis for checks: whether that answers, it knows soon."""
    return Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 1))


def measure(redis: Redis, queue: str, length: Gauge) -> None:
    """Sets how many jobs wait; NaN where Redis does not tell."""
    try:
        length.set(redis.llen(queue))
    except RedisError:
        length.set(float("nan"))


class Pulse:
    """Whether the main process's loop still turns."""

    def __init__(self) -> None:
        self.last = time.monotonic()
        self.stopping = False

    def beat(self) -> None:
        self.last = time.monotonic()

    def alive(self) -> bool:
        # While a running job finishes during a stop the loop does not turn any more, and must not be killed for it.
        return self.stopping or time.monotonic() - self.last < HANG_SECONDS


@dataclass
class Companion:
    """What a worker's companion answers, and how."""

    service: str
    port: int
    #: By name of what the jobs use. A check raises where that does not answer soon.
    checks: Mapping[str, Callable[[], object]]
    #: Told of every check: name, and whether it answered.
    checked: Callable[[str, bool], None]
    #: Told of what the main process and its children say (berth.worker.tell), beside the pulse.
    hear: Callable[[str, list[Any]], None] = lambda kind, rest: None
    #: Before the metrics are read.
    scrape: Callable[[], None] = lambda: None
    features_off: Sequence[str] = ()
    pulse: Pulse = field(default_factory=Pulse)

    def serve(self) -> None:
        """Answers from threads from now on."""
        server = _Server(("0.0.0.0", self.port), _handler(self))
        threading.Thread(target=server.serve_forever, daemon=True, name="http").start()

    def run(self, inbox: socket.socket) -> NoReturn:
        """Until the main process is gone."""
        # A stop is the main process's matter: health is answered until it is done.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.serve()
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
                self.pulse.beat()
            elif kind == "stopping":
                self.pulse.stopping = True
            else:
                self.hear(kind, rest)
        os._exit(0)

    def ready(self) -> tuple[int, dict[str, object]]:
        results: dict[str, object] = {}
        good = True
        for name, check in self.checks.items():
            started = time.perf_counter()
            error = None
            try:
                check()
            except Exception as failure:  # whatever goes wrong in a check is its result
                error, good = str(failure).splitlines()[0] if str(failure) else type(failure).__name__, False
            self.checked(name, error is None)
            result: dict[str, object] = {"ok": error is None, "ms": round((time.perf_counter() - started) * 1000, 1)}
            results[name] = result if error is None else {**result, "error": error}
        status = "ready" if good else "not ready"
        return (200 if good else 503), {"status": status, "checks": results, "features_off": sorted(self.features_off)}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        log.debug("a caller hung up", exc_info=True)  # instead of a traceback past our logging


def _handler(companion: Companion) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            route = urlsplit(self.path)
            if route.path == "/health":
                alive = companion.pulse.alive()
                self._json(200 if alive else 503, {"status": "ok" if alive else "hung", "service": companion.service})
            elif route.path == "/ready" and parse_qs(route.query).get("scope", ["all"])[0] in ("all", "data"):
                self._json(*companion.ready())
            elif route.path == "/metrics":
                companion.scrape()
                self._answer(200, generate_latest(), CONTENT_TYPE_LATEST)
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

    return Handler
