"""So many requests at a time; the others wait in their order. What is too much is told so at once.

A stall is no overload: on a machine that is busy with something else for some seconds, a few hundred requests wait,
and all of them are answered afterwards. So how long somebody waits counts for nothing, until more wait than a stall
leaves behind. From then on, until nobody was refused for some seconds, whoever would wait long is told to come back. A
request that is refused has not begun: nothing of it took place. The refusal has a header by which the edge knows, and
refuses most of the others itself (edge/nginx.conf).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

AT_ONCE = 32
WAITING = 400  # what is more is no stall; two replicas together stay below what the edge lets wait (edge/nginx.conf)
PATIENCE = 1.0  # seconds that a request may wait in an overload
SOON = 0.3  # seconds that the first of the queue may have waited where somebody comes in an overload
CALM = 4.0  # seconds without a refusal after which it is over; the edge lets all through again before (edge-agent)
HEADER = (b"x-overloaded", b"1")
#: Open at all times: who asks here wants to know how it is.
OPEN = frozenset(("/health", "/ready", "/metrics"))

_release: ContextVar[Callable[[], None] | None] = ContextVar("release", default=None)


def step_aside() -> None:
    """From here on the request waits for time to pass, or for another service: others may begin meanwhile."""
    release = _release.get()
    if release is not None:
        release()


class Overload:
    def __init__(
        self,
        app: ASGIApp,
        refusal: Callable[[], ASGIApp],
        waiting: int = WAITING,
        at_once: int = AT_ONCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._refusal = refusal
        self._most = waiting
        self._free = at_once
        self._clock = clock
        self._queue: deque[tuple[float, asyncio.Future[bool]]] = deque()
        self._until = -CALM  # when the overload ends

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        if not await self._enter():
            await self._refusal()(scope, receive, _telling_the_edge(send))
            return
        held = True

        def release() -> None:
            nonlocal held
            if held:
                held = False
                self._next()

        async def send_and_release(message: Message) -> None:
            # Whoever reads an answer slowly keeps nobody waiting.
            release()
            await send(message)

        _release.set(release)
        try:
            await self._app(scope, receive, send_and_release)
        finally:
            release()

    async def _enter(self) -> bool:
        if self._free and not self._queue:
            self._free -= 1
            return True
        now = self._clock()
        if len(self._queue) >= self._most:
            self._until = now + CALM
        if now < self._until:
            self._refuse_late(now)
            if self._queue and now - self._queue[0][0] > SOON:
                self._until = now + CALM
                return False
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue.append((now, turn))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self._next()
            raise

    def _next(self) -> None:
        """Whoever waits for longest has the next turn."""
        now = self._clock()
        if now < self._until:
            self._refuse_late(now)
        while self._queue:
            _, turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(True)
                return
        self._free += 1

    def _refuse_late(self, now: float) -> None:
        while self._queue and now - self._queue[0][0] > PATIENCE:
            _, turn = self._queue.popleft()
            self._until = now + CALM
            with contextlib.suppress(asyncio.InvalidStateError):
                turn.set_result(False)


def _telling_the_edge(send: Send) -> Send:
    async def telling(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], HEADER]}
        await send(message)

    return telling
