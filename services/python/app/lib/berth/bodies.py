"""Bodies are read whole and parsed before anybody asks who sends them, and JSON takes thirty times its length in
memory: so none is longer than what a service has a use for."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST = 1_000_000  # bytes


class Bodies:
    """Refuses bodies of more than `most` bytes, but those to the path `streamed`, which is read as it comes."""

    def __init__(self, app: ASGIApp, refusal: Callable[[str], ASGIApp], most: int = MOST, streamed: str = "") -> None:
        self._app, self._refusal, self._most, self._streamed = app, refusal, most, streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == self._streamed:
            await self._app(scope, receive, send)
            return
        why = f"the body is longer than {self._most} bytes"
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > self._most:
            await self._refusal(why)(scope, receive, send)
            return
        left = self._most

        async def receive_no_more() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413, why)
            return message

        await self._app(scope, receive_no_more, send)
