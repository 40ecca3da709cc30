"""What a service tells of itself: JSON lines, request ids, metrics. Dashboards and alerts ask by these names."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from berth import request_id
from berth.network import Network
from berth.tracing import current_trace_id

REQUESTS = Counter("http_requests_total", "Requests answered", ["method", "route", "status"])
DURATION = Histogram("http_request_duration_seconds", "Time to answer", ["method", "route"])
# The modes: what several processes of one service say together (exposition, below).
IN_PROGRESS = Gauge("http_requests_in_progress", "Requests being answered", multiprocess_mode="livesum")
DEPENDENCY_UP = Gauge(
    "dependency_up", "1 if the dependency answered last time", ["dependency"], multiprocess_mode="livemostrecent"
)
POOL = Gauge("db_pool_connections", "Database connections by state", ["state"], multiprocess_mode="livesum")
POOL_WAITING = Gauge(
    "db_pool_waiting_requests", "Requests waiting for a database connection", multiprocess_mode="livesum"
)

REGISTRY.register(Network())

log = logging.getLogger("berth.http")
_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,128}")
_PROBES = frozenset(("/health", "/ready", "/metrics"))
_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def service() -> str:
    """Name of the service that runs, by the catalogue."""
    return os.environ.get("SERVICE", "berth")


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry: dict[str, object] = {
            "ts": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "service": service(),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        if request := request_id.current.get():
            entry["request_id"] = request
        if trace_id := current_trace_id():
            entry["trace_id"] = trace_id
        # Libraries put whole objects into `extra` (celery: its task arguments); only plain values are ours.
        for name, value in vars(record).items():
            if name not in _OF_EVERY_RECORD and isinstance(value, (str, int, float, bool)):
                entry[name] = value
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def set_up_logs(level: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # It narrates every retry; the answer to a request says the same once.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


#: Status, reason, and seconds after which it may go better → the answer.
Problem = Callable[[int, str, int | None], JSONResponse]


def problem(status: int, error: str, retry_after: int | None = None) -> JSONResponse:
    if retry_after is None:
        return JSONResponse({"error": error}, status)
    return JSONResponse({"error": error, "retry_after": retry_after}, status, {"Retry-After": str(retry_after)})


def exposition() -> bytes:
    """All metrics as text. Where the service is several processes, whichever is asked answers for all of them."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder is None:
        return generate_latest()
    for file in Path(folder).glob("gauge_live*.db"):
        pid = int(file.stem.rsplit("_", 1)[1])
        if not Path("/proc", str(pid)).exists():
            mark_process_dead(pid)  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(Network())
    return generate_latest(registry)


class Observe:
    """Gives every request an id, counts it, and writes a line about it."""

    def __init__(self, app: ASGIApp, problem: Problem = problem) -> None:
        self._app = app
        self._problem = problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(request_id.HEADER, "")
        request = given if _GIVEN.fullmatch(given) else uuid.uuid4().hex
        request_id.current.set(request)
        status = 0

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[request_id.HEADER] = request
            await send(message)

        started = time.perf_counter()
        IN_PROGRESS.inc()
        try:
            await self._app(scope, receive, send_observed)
        except Exception:
            log.exception("unexpected error")
            if not status:
                await self._problem(500, "unexpected error", None)(scope, receive, send_observed)
        finally:
            IN_PROGRESS.dec()
            self._record(scope, status or 499, time.perf_counter() - started)

    @staticmethod
    def _record(scope: Scope, status: int, seconds: float) -> None:
        # By the names of these routes dashboards and alerts leave the platform's own questions out.
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"]
        REQUESTS.labels(method, route, status).inc()
        DURATION.labels(method, route).observe(seconds)
        log.log(
            logging.DEBUG if route in _PROBES else logging.INFO,
            "%s %s",
            method,
            scope["path"],
            extra={"method": method, "route": route, "status": status, "duration_ms": round(seconds * 1000, 2)},
        )
