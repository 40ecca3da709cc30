"""What every service of the platform is: the house's shell, with errors as {"error": {"code", "message"}}."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.responses import JSONResponse

from berth import tracing
from berth.problems import Problem, plain
from berth.service import Store, create
from knowledge import logs
from knowledge.settings import Settings

# Bytes: the text of a document has 200,000 characters, and JSON may write each in twelve.
LONGEST_BODY = 2_500_000


def service(settings: Settings, *needed: Store, optional: Sequence[Store] = ()) -> FastAPI:
    app = create(*needed, optional=optional, problem=plain, longest_body=LONGEST_BODY)
    logs.set_up()
    app.state.tokens = settings.tokens
    tracing.instrument(app)

    @app.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> JSONResponse:
        return error.answer()

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the body"
        return Problem(422, "invalid", f"{where}: {first['msg']}").answer()

    return app


class Inside:
    """An application of an SDK inside the service's: it starts and stops with it."""

    away: tuple[type[Exception], ...] = ()

    def __init__(self, name: str, app: Starlette) -> None:
        self.name, self._app = name, app
        self._life = AsyncExitStack()

    async def open(self) -> None:
        await self._life.enter_async_context(self._app.router.lifespan_context(self._app))

    async def close(self) -> None:
        await self._life.aclose()

    async def check(self) -> None:
        """It has nothing of its own that could be away."""

    def observe(self) -> None:
        """It counts by itself."""
