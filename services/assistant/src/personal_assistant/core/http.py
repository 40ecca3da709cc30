"""The HTTP shell that api, agent and sms-router share: ids, access log, metrics, errors, health, graceful stop."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
import json
import logging
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import FrameType

import psycopg
import redis.exceptions
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from berth.bodies import Bodies
from berth.loop import LOOP, enough_threads
from berth.overload import AT_ONCE, Overload
from personal_assistant.config.settings import Settings
from personal_assistant.core import logs, metrics, tracing
from personal_assistant.core.agent_client import AgentUnavailable
from personal_assistant.core.context import Context, Drain, context_of
from personal_assistant.database.pool import AWAY, Database

log = logging.getLogger("assistant.http")

Check = Callable[[], Awaitable[None]]
CHECK_TIMEOUT = 2.5
DATA_CHECKS = frozenset(("database", "redis"))
RETRY_AFTER = "2"
# Bytes: the text of a job has 100,000 characters, and JSON may write each in twelve.
LONGEST_BODY = 1_250_000
LONGEST_FRAME = 65_536  # bytes of a websocket's message
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
_PROBES = frozenset(("/health", "/ready", "/metrics"))


def client_ip(connection: HTTPConnection) -> str:
    """The address the edge saw. Only the last X-Forwarded-For entry was written by our own proxy, and only
    if the peer is on a private network; everything before it is the client's word."""
    peer = connection.client.host if connection.client else "unknown"
    forwarded = connection.headers.get("x-forwarded-for")
    with contextlib.suppress(ValueError):
        if forwarded and ipaddress.ip_address(peer).is_private:
            return str(ipaddress.ip_address(forwarded.rsplit(",", 1)[-1].strip()))
    return peer


class Observe:
    """Pure ASGI: a wrapped response body would delay streaming and lose the context variables."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else logs.new_request_id()
        logs.request_id.set(request_id)
        logs.user_id.set(None)
        logs.trace_id.set(tracing.current_trace_id(self._settings, headers.get("traceparent")))
        status = 0

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            elif message["type"] == "websocket.accept":
                status = 101
            elif message["type"] == "websocket.close" and not status:
                status = 403
            await send(message)

        started = time.perf_counter()
        metrics.IN_PROGRESS.inc()
        try:
            await self._app(scope, receive, send_observed)
        except Exception:
            log.exception("unexpected error")
            if not status and scope["type"] == "http":
                await problem(500, "unexpected error", request_id=request_id)(scope, receive, send_observed)
        finally:
            metrics.IN_PROGRESS.dec()
            self._record(scope, status, time.perf_counter() - started)

    @staticmethod
    def _record(scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope.get("method", "WEBSOCKET")
        metrics.REQUESTS.labels(method, route, status or 499).inc()
        if method != "WEBSOCKET":
            metrics.DURATION.labels(method, route).observe(seconds)
        level = logging.DEBUG if scope["path"] in _PROBES else logging.INFO
        if log.isEnabledFor(level):
            log.log(
                level,
                "%s %s",
                method,
                scope["path"],
                extra={
                    "method": method,
                    "route": route,
                    "status": status or 499,
                    "duration_ms": round(seconds * 1000, 2),
                },
            )


def problem(status: int, error: str, headers: Mapping[str, str] | None = None, **more: object) -> JSONResponse:
    if status == 503:
        headers = {"Retry-After": RETRY_AFTER, **(headers or {})}
    return JSONResponse({"error": error, **more}, status, headers=dict(headers or {}))


def _too_much() -> JSONResponse:
    return problem(503, "too many requests at a time, try again")


def internal_caller(request: Request) -> None:
    """Dependency: only our own services may call."""
    given = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
    tokens = context_of(request).settings.internal_tokens
    # All of them are compared, so that the time it takes tells nothing.
    accepted = [hmac.compare_digest(given, token.encode()) for token in tokens]
    if not any(accepted):
        raise HTTPException(401, "a valid internal token is needed", {"WWW-Authenticate": "Bearer"})


def create_app(
    settings: Settings,
    prepare: Callable[[Context], AsyncIterator[None]],
    checks: Callable[[Context], Mapping[str, Check]],
    inner: Middleware | None = None,
) -> FastAPI:
    """`prepare` opens what the role needs besides the database; `checks` are what /ready cascades to.
    `inner` runs inside the observation, so that what it refuses is logged and counted too."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        context = Context(settings, Database(settings), Drain(settings.shutdown_grace_seconds))
        app.state.context = context
        enough_threads()
        await context.database.start()
        try:
            async with contextlib.asynccontextmanager(prepare)(context):
                yield
        finally:
            await context.database.stop()

    metrics.RELEASE.labels(settings.version).set(1)
    app = FastAPI(
        title=f"assistant {settings.role}",
        version=settings.version,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url="/docs" if settings.debug else None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.debug else None,
        middleware=[
            Middleware(Observe, settings=settings),
            Middleware(Bodies, refusal=lambda why: problem(413, why), most=LONGEST_BODY),
            Middleware(
                Overload,
                refusal=_too_much,
                waiting=settings.max_waiting_requests,
                at_once=max(AT_ONCE, settings.db_pool_size),
            ),
            *([inner] if inner else []),
        ],
    )
    tracing.instrument(app, settings)
    _add_error_answers(app)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok", "service": settings.role}

    @app.get("/ready")
    async def ready(request: Request, scope: str = "all") -> JSONResponse:
        wanted = {n: c for n, c in checks(context_of(request)).items() if scope != "data" or n in DATA_CHECKS}
        results = dict(
            zip(wanted, await asyncio.gather(*(_run(name, check) for name, check in wanted.items())), strict=True)
        )
        good = all(result["ok"] for result in results.values())
        off = sorted(settings.features_off())
        body = {"status": "ready" if good else "not ready", "checks": results, "features_off": off}
        return JSONResponse(body, 200 if good else 503, headers={} if good else {"Retry-After": RETRY_AFTER})

    @app.get("/metrics")
    async def expose(request: Request) -> Response:
        context_of(request).database.observe()
        return Response(metrics.generate_latest(), media_type=metrics.CONTENT_TYPE_LATEST)

    return app


async def _run(name: str, check: Check) -> dict[str, object]:
    started = time.perf_counter()
    error = None
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            await check()
    except Exception as failure:  # whatever goes wrong in a check is its result
        error = str(failure).splitlines()[0] if str(failure) else type(failure).__name__
    metrics.DEPENDENCY_UP.labels(name).set(error is None)
    result: dict[str, object] = {"ok": error is None, "ms": round((time.perf_counter() - started) * 1000, 1)}
    return result if error is None else {**result, "error": error}


def database_check(context: Context) -> Check:
    """Asks nothing itself: the monitor's answer is at most a second old and never hangs."""

    async def check() -> None:
        if not context.database.up:
            raise ConnectionError("the database does not answer")

    return check


def _add_error_answers(app: FastAPI) -> None:
    @app.exception_handler(StarletteHTTPException)
    async def refused(_: Request, error: StarletteHTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        # The framework's own answer repeats the input, which may be a password.
        fields = [{"field": ".".join(map(str, e["loc"])), "problem": e["msg"]} for e in error.errors()]
        return problem(422, "the request is not valid", fields=fields)

    async def unavailable(_: Request, error: Exception) -> JSONResponse:
        what = (
            "agent"
            if isinstance(error, AgentUnavailable)
            else "redis"
            if isinstance(error, redis.exceptions.RedisError)
            else "database"
        )
        log.warning("%s unavailable: %s", what, str(error).splitlines()[0] if str(error) else type(error).__name__)
        return problem(503, f"{what} unavailable, try again")

    for kind in (*AWAY, redis.exceptions.RedisError, AgentUnavailable):
        app.add_exception_handler(kind, unavailable)

    @app.exception_handler(psycopg.errors.ForeignKeyViolation)
    async def account_gone(_: Request, error: Exception) -> JSONResponse:
        return problem(401, "the account of this token no longer exists")

    @app.exception_handler(psycopg.errors.QueryCanceled)
    async def too_slow(_: Request, error: Exception) -> JSONResponse:
        return problem(503, "the database took too long, try again")


class _Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        context: Context | None = getattr(self.config.app.state, "context", None)  # type: ignore[union-attr]
        if context:
            context.drain.begin()
        super().handle_exit(sig, frame)


def serve(app: FastAPI, settings: Settings) -> None:
    config = uvicorn.Config(
        app,
        host="0.0.0.0",
        port=settings.port,
        loop=LOOP,
        http="httptools",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # see client_ip
        server_header=False,
        timeout_keep_alive=75,  # longer than the edge keeps its side open, so that the edge closes first
        timeout_graceful_shutdown=settings.shutdown_grace_seconds,
        ws_max_size=LONGEST_FRAME,
    )
    # uvicorn raises the signal again after a clean stop; by default that would turn it into exit code 143.
    signal.signal(signal.SIGTERM, lambda *_: None)
    _Server(config).run()
    log.info("stopped")


def json_dumps(value: object) -> str:
    return json.dumps(value, default=str)
