"""What a service tells of itself: JSON lines, request ids, metrics. Dashboards and alerts ask by these names."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
import uuid
from contextvars import ContextVar

from prometheus_client import Counter, Gauge, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = Counter("http_requests_total", "Requests answered", ["method", "route", "status"])
DURATION = Histogram("http_request_duration_seconds", "Time to answer", ["method", "route"])
IN_PROGRESS = Gauge("http_requests_in_progress", "Requests being answered")
DEPENDENCY_UP = Gauge("dependency_up", "1 if the dependency answered last time", ["dependency"])
POOL = Gauge("db_pool_connections", "Database connections by state", ["state"])
POOL_WAITING = Gauge("db_pool_waiting_requests", "Requests waiting for a database connection")

log = logging.getLogger("berth.http")
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,128}")
_PROBES = frozenset(("/health", "/ready", "/metrics"))


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
        if request_id := _request_id.get():
            entry["request_id"] = request_id
        for name in ("method", "route", "status", "duration_ms"):
            if name in vars(record):
                entry[name] = vars(record)[name]
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


def problem(status: int, error: str, retry_after: int | None = None) -> JSONResponse:
    if retry_after is None:
        return JSONResponse({"error": error}, status)
    return JSONResponse({"error": error, "retry_after": retry_after}, status, {"Retry-After": str(retry_after)})


class Observe:
    """Gives every request an id, counts it, and writes a line about it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _GIVEN.fullmatch(given) else uuid.uuid4().hex
        _request_id.set(request_id)
        status = 0

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        started = time.perf_counter()
        IN_PROGRESS.inc()
        try:
            await self._app(scope, receive, send_observed)
        except Exception:
            log.exception("unexpected error")
            if not status:
                await problem(500, "unexpected error")(scope, receive, send_observed)
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
