"""An invoice for the work that the database did: what there is to bill without a table of its own."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from billing import observe
from billing.database import Database

log = logging.getLogger("billing")

RETRY_AFTER = 2
INVOICES = """
    SELECT datname AS customer, xact_commit AS transactions, now()::text AS until
    FROM pg_stat_database WHERE datname = current_database()
"""

observe.set_up_logs(os.environ.get("LOG_LEVEL", "INFO"))
# Read once: a new password is another file, and another container.
database = Database(
    Path(os.environ["DATABASE_URL_FILE"]).read_text().strip(),
    int(os.environ.get("DB_POOL_SIZE", "5")),
    float(os.environ.get("DB_STATEMENT_TIMEOUT", "10")),
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    await database.open()
    yield
    await database.close()


app = FastAPI(
    title="billing",
    version=os.environ.get("APP_VERSION", "0.0.0"),
    lifespan=lifespan,
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    middleware=[Middleware(observe.Observe)],
)
# The edge hands paths on as they are.
router = APIRouter(prefix=observe.PREFIX)


@router.get("/health")
async def health() -> dict[str, str]:
    """Whether the process lives, whatever the database does."""
    return {"status": "ok", "service": "billing"}


@router.get("/ready")
async def ready() -> dict[str, str]:
    await database.rows("SELECT 1")
    return {"status": "ready"}


@router.get("/invoices")
async def invoices() -> dict[str, object]:
    return {"invoices": await database.rows(INVOICES)}


@app.get("/metrics")
async def metrics() -> Response:
    database.observe()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@app.exception_handler(HTTPException)
async def refused(_: Request, error: HTTPException) -> JSONResponse:
    return observe.problem(error.status_code, str(error.detail))


@app.exception_handler(psycopg.OperationalError)
async def unavailable(_: Request, error: Exception) -> JSONResponse:
    log.warning("database unavailable: %s", str(error).splitlines()[0] if str(error) else type(error).__name__)
    return observe.problem(503, "database unavailable, try again", RETRY_AFTER)


app.include_router(router)
