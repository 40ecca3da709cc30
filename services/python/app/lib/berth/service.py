"""The HTTP shell of a service: health, readiness, metrics, and one answer while a store is away."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from berth import bodies, observe, tracing
from berth.loop import enough_threads
from berth.overload import AT_ONCE, WAITING, Overload

log = logging.getLogger("berth")

RETRY_AFTER = 2  # seconds


class Store(Protocol):
    """What a service reads and writes beside its own memory."""

    @property
    def name(self) -> str: ...

    @property
    def away(self) -> tuple[type[Exception], ...]:
        """What is raised while it does not answer."""

    async def open(self) -> None:
        """Does not wait for the server: the process must be able to say that it lives while the store does not."""

    async def close(self) -> None: ...

    async def check(self) -> None:
        """Raises one of `away` where the server does not answer soon."""

    def observe(self) -> None:
        """Copies what it counts into the metrics, when they are scraped."""


def create(
    *needed: Store,
    optional: Sequence[Store] = (),
    problem: observe.Problem = observe.problem,
    longest_body: int = bodies.MOST,
    streamed: str = "",
) -> FastAPI:
    """An application with /health (it lives), /ready (its stores answer) and /metrics.

    A store is opened after those before it, and closed before them. While one is away that is `optional`, most is
    answered: /ready?scope=data, which decides who gets requests, does not ask it. `problem` makes the answer to a
    request that is refused or fails. `longest_body`: bytes, of all paths but `streamed` (berth/bodies.py)."""
    stores = (*needed, *optional)
    name = observe.service()
    observe.set_up_logs(os.environ.get("LOG_LEVEL", "INFO"))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        enough_threads()
        for store in stores:
            await store.open()
        yield
        for store in reversed(stores):
            await store.close()

    app = FastAPI(
        title=name,
        version=os.environ.get("APP_VERSION", "0.0.0"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[
            Middleware(observe.Observe, problem=problem),
            Middleware(
                bodies.Bodies, refusal=lambda why: problem(413, why, None), most=longest_body, streamed=streamed
            ),
            Middleware(
                Overload,
                refusal=lambda: problem(503, "too many requests at a time, try again", RETRY_AFTER),
                waiting=int(os.environ.get("MAX_WAITING_REQUESTS", WAITING)),
                at_once=max(AT_ONCE, int(os.environ.get("DB_POOL_SIZE", AT_ONCE))),
            ),
        ],
    )

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok", "service": name}

    @app.get("/ready")
    async def ready(scope: str = "all") -> dict[str, str]:
        with tracing.unseen():
            await asyncio.gather(*(store.check() for store in (needed if scope == "data" else stores)))
        return {"status": "ready"}

    @app.get("/metrics")
    async def metrics() -> Response:
        for store in stores:
            store.observe()
        return Response(observe.exposition(), media_type=CONTENT_TYPE_LATEST)

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail), RETRY_AFTER if error.status_code == 503 else None)

    for store in stores:
        _answer_while_away(app, store, problem)
    return app


def _answer_while_away(app: FastAPI, store: Store, problem: observe.Problem) -> None:
    async def unavailable(_: Request, error: Exception) -> JSONResponse:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        log.warning("%s unavailable: %s", store.name, reason)
        return problem(503, f"{store.name} unavailable, try again", RETRY_AFTER)

    for kind in store.away:
        app.add_exception_handler(kind, unavailable)
