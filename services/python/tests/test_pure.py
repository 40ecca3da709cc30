"""How many requests are at work at a time, who waits, and who is told to come back; what goes over the network; whether
a store answered; whose request it is that something is done for; and what is in no trace."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from fastapi import FastAPI
from fastapi.testclient import TestClient
from opentelemetry import trace
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from berth import request_id, tracing, worker
from berth.network import Network
from berth.overload import Overload, step_aside
from berth.remote import Remote
from berth.service import create

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


class Near(Remote):
    """A store that keeps what it sees as it is asked."""

    name = "near"
    away = ()

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.in_traces: bool | None = None

    async def close(self) -> None: ...

    async def check(self) -> None:
        self.headers = request_id.headers()
        self.in_traces = is_instrumentation_enabled()


def test_the_id_of_a_request_goes_to_who_is_asked_and_into_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[Any] = []
    keep = lambda self, record: lines.append(json.loads(self.format(record)))  # noqa: E731
    monkeypatch.setattr(logging.StreamHandler, "emit", keep)
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    near = Near()
    client = TestClient(create(near))
    assert client.get("/ready", headers={"X-Request-Id": "request-0001"}).headers["X-Request-Id"] == "request-0001"
    assert near.headers == {"X-Request-Id": "request-0001"}
    assert [line["request_id"] for line in lines if line["logger"] == "berth.http"] == ["request-0001"]
    client.get("/ready", headers={"X-Request-Id": "no id"})
    assert len(near.headers["X-Request-Id"]) == 32
    assert request_id.headers() == {}


def test_a_job_is_of_the_request_that_handed_it_in_also_when_it_is_tried_again() -> None:
    assert worker  # its import is what does it
    app = Celery(broker="memory://")
    requests: list[str | None] = []

    @app.task(name="job", bind=True, max_retries=None)
    def job(self: Any, tried_again: bool) -> None:
        requests.append(request_id.current.get())
        if tried_again and not self.request.retries:
            raise self.retry(countdown=0)

    def hand_in(tried_again: bool) -> None:
        before = len(requests)
        app.send_task("job", args=(tried_again,), headers=request_id.headers())
        end = time.monotonic() + 20
        while len(requests) < before + 1 + tried_again:
            assert time.monotonic() < end
            time.sleep(0.02)

    with start_worker(app, pool="solo", perform_ping_check=False):
        given = request_id.current.set("request-0001")
        hand_in(True)
        request_id.current.reset(given)
        hand_in(False)
    assert requests == ["request-0001", "request-0001", None]


def test_a_check_is_in_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    near = Near()
    client = TestClient(create(near))
    for on, in_traces in ((False, True), (True, False)):
        monkeypatch.setattr(tracing, "_on", on)
        client.get("/ready")
        assert near.in_traces == in_traces


def test_a_request_is_one_span_also_where_an_application_is_inside_another(monkeypatch: pytest.MonkeyPatch) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    monkeypatch.setattr(tracing, "_on", True)
    inner, app = FastAPI(), create()

    @inner.get("/one")
    async def one() -> None:
        with tracing.seen("work"):
            pass

    tracing.instrument(app)
    app.mount("/by-itself", inner)
    app.mount("/inside", tracing.inside(inner))
    client = TestClient(app)

    def beginnings(path: str) -> list[str]:
        spans.clear()
        client.get(path)
        return [span.name for span in spans.get_finished_spans() if span.parent is None]

    assert beginnings("/inside/one") == ["GET /inside"]
    assert beginnings("/health") == []
    # The negative control. Where this fails, tracing.inside is needed no more.
    assert len(beginnings("/by-itself/one")) == 2
