"""How many requests are at work at a time, who waits, and who is told to come back; what goes over the network; and
whether a store answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from berth.network import Network
from berth.overload import Overload, step_aside
from berth.remote import Remote

AT_ONCE, WAITING = 2, 10


class Server:
    """An application whose requests end when the test says so, and a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.begun: list[str] = []
        self.answers: dict[str, int] = {}
        self.told: set[str] = set()
        self.ends: dict[str, asyncio.Event] = {}
        self.aside: set[str] = set()
        self.tasks: dict[str, asyncio.Task[None]] = {}
        refusal = lambda: PlainTextResponse("no", 503)  # noqa: E731
        self.overload = Overload(self.app, refusal, waiting=WAITING, at_once=AT_ONCE, clock=lambda: self.now)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        self.begun.append(path)
        if path in self.aside:
            step_aside()
        await self.ends.setdefault(path, asyncio.Event()).wait()
        await PlainTextResponse("yes")(scope, receive, send)

    async def ask(self, path: str, kind: str = "http") -> None:
        async def receive() -> Message:
            raise AssertionError("nobody reads the request")

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.answers[path] = message["status"]
                if (b"x-overloaded", b"1") in message["headers"]:
                    self.told.add(path)

        scope = {"type": kind, "path": path, "method": "GET", "headers": []}
        self.tasks[path] = asyncio.create_task(self.overload(scope, receive, send))
        await settle()

    async def many(self, first: int, last: int) -> None:
        for n in range(first, last):
            await self.ask(f"/{n}")

    async def end(self, *paths: str) -> None:
        for path in paths:
            self.ends.setdefault(path, asyncio.Event()).set()
            await settle()

    async def end_all(self) -> None:
        while open_ones := [path for path in self.begun if path not in self.answers]:
            await self.end(*open_ones)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def run(test: Callable[[Server], Awaitable[Any]]) -> None:
    async def whole() -> None:
        server = Server()
        await test(server)
        for task in server.tasks.values():
            task.cancel()

    asyncio.run(whole())


def test_so_many_at_a_time_and_the_others_in_their_order() -> None:
    async def test(server: Server) -> None:
        await server.many(0, 5)
        assert server.begun == ["/0", "/1"]
        await server.end("/1", "/0")
        assert server.begun == ["/0", "/1", "/2", "/3"]
        await server.end_all()
        assert server.answers == {f"/{n}": 200 for n in range(5)}

    run(test)


def test_a_stall_loses_nothing_however_long_it_is() -> None:
    async def test(server: Server) -> None:
        await server.many(0, AT_ONCE + WAITING)
        server.now = 15
        await server.end_all()
        assert list(server.answers.values()) == [200] * (AT_ONCE + WAITING)

    run(test)


def test_in_an_overload_nobody_waits_long_and_it_ends_some_seconds_after_the_last_refusal() -> None:
    async def test(server: Server) -> None:
        await server.many(0, AT_ONCE + WAITING)
        server.now = 3
        # One more than a stall leaves behind: all that waited long are refused, and it waits itself.
        await server.ask("/late")
        refused = [path for path, status in server.answers.items() if status == 503]
        assert refused == [f"/{n}" for n in range(AT_ONCE, AT_ONCE + WAITING)]
        # Whoever comes while the first of the queue has waited for a while is refused at once.
        server.now = 3.2
        await server.ask("/in time")
        server.now = 3.6
        await server.ask("/too late")
        assert server.answers["/too late"] == 503
        assert "/in time" not in server.answers
        # What waited long meanwhile is refused where its turn comes.
        server.now = 4.2
        await server.end("/0")
        assert server.answers["/late"] == 503
        assert server.begun == ["/0", "/1", "/in time"]
        await server.end_all()
        # The edge is told of each, and of no answer.
        assert server.told == {path for path, status in server.answers.items() if status == 503}
        # The queue was empty, but it is not over yet: a queue half as long as a stall's is refused as well.
        server.now = 6
        await server.many(50, 50 + AT_ONCE + WAITING // 2)
        server.now = 6.6
        await server.ask("/again too late")
        assert server.answers["/again too late"] == 503
        await server.end_all()
        # Nobody was refused for four seconds: it is over.
        server.now = 11
        await server.many(100, 100 + AT_ONCE + WAITING)
        server.now = 20
        await server.end_all()
        assert [server.answers[f"/{n}"] for n in range(100, 100 + AT_ONCE + WAITING)] == [200] * (AT_ONCE + WAITING)

    run(test)


def test_a_refused_request_has_not_begun() -> None:
    async def test(server: Server) -> None:
        await server.many(0, AT_ONCE + WAITING)
        server.now = 3
        await server.ask("/late")
        assert server.begun == ["/0", "/1"]

    run(test)


def test_health_readiness_metrics_and_websockets_need_no_turn() -> None:
    async def test(server: Server) -> None:
        await server.many(0, AT_ONCE + WAITING)
        for path in ("/health", "/ready", "/metrics"):
            await server.ask(path)
        await server.ask("/stream", "websocket")
        assert server.begun[AT_ONCE:] == ["/health", "/ready", "/metrics", "/stream"]

    run(test)


def test_who_waits_for_something_else_and_who_is_read_slowly_keep_nobody_waiting() -> None:
    async def test(server: Server) -> None:
        server.aside = {"/0", "/1"}
        await server.many(0, 4)
        assert server.begun == ["/0", "/1", "/2", "/3"]
        await server.many(4, 6)
        await server.end("/0", "/1")
        # Their turns had been given back before: nobody gets them twice.
        assert server.begun == ["/0", "/1", "/2", "/3"]

    run(test)


def test_who_is_gone_while_it_waits_takes_no_turn() -> None:
    async def test(server: Server) -> None:
        await server.many(0, 4)
        server.tasks["/2"].cancel()
        await settle()
        await server.end("/0")
        assert server.begun == ["/0", "/1", "/3"]
        # One that is cancelled in the moment of its turn hands it on.
        await server.many(4, 6)
        server.ends["/1"].set()
        await asyncio.sleep(0)
        server.tasks["/4"].cancel()
        await settle()
        await server.end_all()
        assert server.answers["/5"] == 200

    run(test)


def test_network_counters_leave_the_loopback_out(tmp_path: Path) -> None:
    source = tmp_path / "dev"
    counters = "{0}: {1} 1 0 0 0 0 0 0 {2} 1 0 0 0 0 0 0\n"
    source.write_text(
        "head\nhead\n"
        + counters.format("lo", 7, 7)
        + counters.format("  eth0", 1000, 20)
        + counters.format("eth1", 500, 1)
    )
    assert [family.samples[0].value for family in Network(source).collect()] == [1500, 21]


def test_a_client_tells_whether_its_store_answered_last_time() -> None:
    class Far(Remote):
        name = "far"

    def up() -> float | None:
        return REGISTRY.get_sample_value("dependency_up", {"dependency": "far"})

    far = Far()
    with far.told():
        pass
    assert up() == 1
    with pytest.raises(OSError, match="away"), far.told():
        raise OSError("away")
    assert up() == 0
    with far.told():
        pass
    assert up() == 1
