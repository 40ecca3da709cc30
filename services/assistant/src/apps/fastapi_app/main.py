"""The public API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from fastapi import FastAPI
from starlette.middleware import Middleware

from apps.fastapi_app.middleware.rate_limit import RateLimit
from apps.fastapi_app.routes import assistant, auth, events, mfa, tasks
from personal_assistant.config.settings import Settings
from personal_assistant.core.agent_client import AgentClient
from personal_assistant.core.context import Context
from personal_assistant.core.http import Check, create_app, database_check
from personal_assistant.core.redis_client import connect


def build(settings: Settings) -> FastAPI:
    async def prepare(context: Context) -> AsyncIterator[None]:
        context.redis = connect(settings)
        context.agent = AgentClient(settings)
        yield
        await context.agent.close()
        await context.redis.aclose()

    def checks(context: Context) -> Mapping[str, Check]:
        async def redis_answers() -> None:
            assert context.redis
            await context.redis.ping()

        assert context.agent
        return {"database": database_check(context), "redis": redis_answers, "agent": context.agent.check}

    app = create_app(settings, prepare, checks, inner=Middleware(RateLimit, per_minute=settings.rate_limit_per_minute))
    for routes in (auth, mfa, tasks, assistant, events):
        app.include_router(routes.router)
    for kind, answer in mfa.ERRORS.items():
        app.add_exception_handler(kind, answer)

    @app.get("/v1/version")
    async def version() -> dict[str, str]:
        return {"version": settings.version, "environment": settings.app_env}

    return app
