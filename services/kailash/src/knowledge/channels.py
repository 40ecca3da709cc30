"""The service `nexus`: every workflow on three channels. API below /nexus, MCP over WebSocket on a port of its own, and
the program `nexus` in the container (cli.py)."""

from __future__ import annotations

import functools
import os
import secrets
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, get_type_hints

from fastapi import FastAPI
from kailash.api.workflow_api import WorkflowAPI
from kailash.workflow.builder import WorkflowBuilder
from kailash_mcp.utils.input_schema import build_input_schema
from nexus import Nexus
from nexus.metrics import register_metrics_endpoint
from redis.exceptions import RedisError

from berth import tracing
from berth.problems import Problem
from berth.redis import Redis
from knowledge import frame, sessions
from knowledge.auth import Guard
from knowledge.client import DataFlowAway, Knowledge
from knowledge.settings import Settings
from knowledge.tools import ADD, ASK, FIND, Tools
from knowledge.websocket import Channel, cure

CHANNELS = ("api", "cli", "mcp")


async def _no_async(*_: Any) -> Any:
    """Results of executions that outlive their request stay in the memory of one replica, without end."""
    return Problem(422, "invalid", "mode: needs sync or stream").answer()


class Refusal(Exception):
    """A problem as Nexus's gateway answers it: what has no `status_code` and `body` is a 500 to it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.status_code = problem.status
        self.body = {"error": {"code": problem.code, "message": problem.message}}


def nexus(settings: Settings, tools: Tools, kept: Any) -> Any:
    # For secrets that workflows store, and ours store none; without a key it tells of an error at every start.
    os.environ.setdefault("KAILASH_ENCRYPTION_KEY", secrets.token_hex(32))
    made = Nexus(
        api_port=8003,
        mcp_port=settings.websocket_port,
        # Guarded by us, on both channels: its own guards the API alone.
        enable_auth=False,
        # On, a second POST is answered from a cache that all callers share.
        enable_durability=False,
        rate_limit=None,
        max_workers=4,
        cors_origins=[],
    )
    register_metrics_endpoint(made)
    WorkflowAPI._execute_async = _no_async
    made._session_manager = kept
    cure(made._mcp_server)

    def handler(name: str, description: str) -> Callable[[Callable[..., Awaitable[Any]]], None]:
        def register(work: Callable[..., Awaitable[Any]]) -> None:
            # Nexus reads types as they stand, and takes the text "int" for a str.
            work.__annotations__ = get_type_hints(work)

            @functools.wraps(work)
            async def told(*args: Any, **named: Any) -> Any:
                try:
                    return await work(*args, **named)
                except Problem as problem:
                    raise Refusal(problem) from problem
                except (DataFlowAway, RedisError, TimeoutError) as error:
                    raise Refusal(Problem(503, "unavailable", "unavailable, try again", 2)) from error

            made.register_handler(name, told, description=description)
            # It tells a client of MCP neither what a tool is for, nor what it takes.
            tool = made._mcp_server._tool_registry[name]
            tool |= {"description": description, "input_schema": build_input_schema(work)}

        return register

    async def session_of(id: str, channel: str) -> dict[str, Any]:
        if channel not in CHANNELS:
            raise Problem(422, "invalid", f"channel: needs one of {', '.join(CHANNELS)}")
        found = await sessions.asked(kept.sync_session, id, channel) if sessions.ID.fullmatch(id) else None
        if found is None:
            raise Problem(404, "not_found", "there is no such session")
        return dict(found)

    @handler("ask", ASK)
    async def ask(question: str, session: str = "", channel: str = "api") -> dict[str, Any]:
        before = await session_of(session, channel) if session else None
        answer = await tools.ask(question)
        if before:
            asked = [*before["data"].get("asked", []), question][-20:]
            await sessions.asked(kept.update_session, session, {"asked": asked})
        return answer

    @handler("add_document", ADD)
    async def add_document(title: str, text: str, key: str = "") -> dict[str, Any]:
        return await tools.add(title, text, key)

    @handler("find_documents", FIND)
    async def find_documents(limit: int = 20) -> dict[str, Any]:
        return await tools.find(limit)

    @handler("open_session", "Opens a session that every channel can go on with.")
    async def open_session(channel: str = "api") -> dict[str, Any]:
        if channel not in CHANNELS:
            raise Problem(422, "invalid", f"channel: needs one of {', '.join(CHANNELS)}")
        return {"session": await sessions.asked(made.create_session, str(uuid.uuid4()), channel)}

    @handler("session", "A session: the channels that used it, and what was asked in it.")
    async def session(session: str, channel: str = "api") -> dict[str, Any]:
        return await session_of(session, channel)

    measure = WorkflowBuilder()
    measure.add_node(
        "PythonCodeNode", "measure", {"code": "result = {'words': len(text.split()), 'characters': len(text)}"}
    )
    made.register("measure", measure.build())
    return made


def build(settings: Settings) -> FastAPI:
    knowledge = Knowledge(settings.dataflow_url, settings.tokens[0])
    redis = Redis()
    kept = sessions.connect(settings.redis_url, settings.session_ttl)
    made = nexus(settings, Tools(knowledge, "nexus"), kept)
    # Ready without a port or a thread of its own: both channels are served by this process's one loop.
    made.start(blocking=False)
    websocket = Channel(
        made._mcp_server, settings.websocket_port, settings.tokens, settings.websocket_connections, settings.drain
    )
    app = frame.service(settings, knowledge, frame.Inside("gateway", made.fastapi_app), websocket, optional=(redis,))
    app.mount("/nexus", Guard(tracing.inside(made.fastapi_app), settings.tokens))
    return app
