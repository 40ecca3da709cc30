"""Who may call: whoever has one of the tokens of API_TOKENS_FILE, as `Authorization: Bearer <token>`.

Or as the password of Basic, whoever the user is: the official MCP client sends over WebSocket what stands in the URL
(`ws://mcp:<token>@host`), and no other header."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from berth.problems import Problem

REFUSAL = "a token is needed: Authorization: Bearer <token>"


def caller(header: str, tokens: tuple[str, ...]) -> str | None:
    """Name of the token in the header, the same for as long as the token is; None for a wrong one or none."""
    given = _token(header)
    found = None
    for token in tokens:  # all of them, so that the time tells nothing
        if hmac.compare_digest(given.encode(), token.encode()):
            found = token
    return None if found is None else hashlib.sha256(found.encode()).hexdigest()[:12]


def _token(header: str) -> str:
    scheme, _, given = header.partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
        except ValueError:
            return ""
    return given.strip() if scheme.lower() == "bearer" else ""


def refusal() -> Problem:
    return Problem(401, "no_token", REFUSAL)


def current(request: Request) -> str:
    """A dependency of routes: the name of the caller's token. The tokens are the application's (state.tokens)."""
    name = caller(request.headers.get("authorization", ""), request.app.state.tokens)
    if name is None:
        raise refusal()
    return name


Caller = Annotated[str, Depends(current)]


class Guard:
    """Lets nobody without a token into an application that has no guard of its own."""

    def __init__(self, app: ASGIApp, tokens: tuple[str, ...]) -> None:
        self._app, self._tokens = app, tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if caller(Headers(scope=scope).get("authorization", ""), self._tokens) is None:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await refusal().answer()(scope, receive, send)
            return
        await self._app(scope, receive, send)
