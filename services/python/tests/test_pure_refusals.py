"""What is refused: bodies that are too long, values that no store takes, requests while a store says that it cannot,
and log-ins that are too many. And what waits for Redis, without others that do not."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any

import httpx
import psycopg.errors
import pytest
import redis.exceptions
from fastapi import Request
from fastapi.testclient import TestClient
from pydantic import BaseModel, ValidationError
from pymongo.errors import NotPrimaryError, OperationFailure

from berth import passwords, queue, request_id
from berth.mongo import Mongo
from berth.postgres import Database
from berth.redis import Redis
from berth.remote import Remote
from berth.service import create
from berth.storable import DEEPEST, MOMENT, STORABLE, unstorable

LONGEST = 100


class Given(BaseModel):
    text: str


def parts(size: int) -> Iterator[bytes]:
    """Of a body that does not say how long it is."""
    yield b'{"text": "'
    yield from (b"x" for _ in range(size))
    yield b'"}'


def test_a_body_is_no_longer_than_the_service_has_a_use_for() -> None:
    app = create(longest_body=LONGEST, streamed="/files")
    taken = []

    @app.post("/texts")
    async def texts(given: Given) -> None:
        taken.append(given.text)

    @app.post("/files")
    async def files(request: Request) -> int:
        return len(await request.body())

    client = TestClient(app)
    for body in (b"x" * (LONGEST + 1), parts(LONGEST)):
        answer = client.post("/texts", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()) == (413, {"error": f"the body is longer than {LONGEST} bytes"})
    assert taken == []
    assert client.post("/texts", json={"text": "short"}).status_code == 200 and taken == ["short"]
    assert client.post("/files", content=b"x" * (LONGEST + 1)).json() == LONGEST + 1


def nested(levels: int, inmost: object) -> object:
    for level in range(levels):
        inmost = {"a": inmost} if level % 2 else [inmost]
    return inmost


@pytest.mark.parametrize("value", ["", "\u00e9 \U0001f3e0", 5, True, None, {}, nested(DEEPEST, 1), {"a": [1.5, "b"]}])
def test_what_stores_take(value: object) -> None:
    assert unstorable(value) is None


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("a\0", "has a NUL"),
        ("\ud83c", "has half a character"),
        ({"a": ["\udfe0"]}, "has half a character"),
        ({"a\0": 1}, "has a NUL"),
        ([float("nan")], "has a number that is none"),
        ({"a": float("-inf")}, "has a number that is none"),
        (nested(DEEPEST + 1, 1), f"has more than {DEEPEST} levels"),
        (nested(DEEPEST, []), f"has more than {DEEPEST} levels"),
        (nested(DEEPEST, {}), f"has more than {DEEPEST} levels"),
    ],
)
def test_what_no_store_takes(value: Any, why: str) -> None:
    class Kept(BaseModel):
        value: Annotated[Any, STORABLE]

    with pytest.raises(ValidationError, match=why):
        Kept(value=value)


def test_a_time_that_could_be_stored_and_never_be_read_is_refused() -> None:
    """PostgreSQL keeps the years before 1 and after 9999, and Python has none of them."""

    class Kept(BaseModel):
        at: Annotated[datetime, MOMENT]

    east, west = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
    for beyond in (datetime.max.replace(tzinfo=west), datetime.min.replace(tzinfo=east)):
        with pytest.raises(ValidationError, match="is not in the years 1 to 9999"):
            Kept(at=beyond)
    noon = datetime(2028, 2, 29, 12)
    assert Kept(at=noon).at == noon.replace(tzinfo=UTC)
    assert Kept(at=noon.replace(tzinfo=east)).at.isoformat() == "2028-02-28T22:00:00+00:00"


@pytest.mark.parametrize(
    ("store", "error"),
    [
        (Database, psycopg.errors.ReadOnlySqlTransaction()),
        (Database, psycopg.errors.DiskFull()),
        (Database, psycopg.errors.TooManyConnections()),
        (Database, psycopg.errors.CannotConnectNow()),
        (Database, psycopg.errors.IdleInTransactionSessionTimeout()),
        (Redis, redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")),
        (Redis, redis.exceptions.ReadOnlyError("You can't write against a read only replica.")),
        (Redis, redis.exceptions.BusyLoadingError("Redis is loading the dataset in memory")),
        (Redis, redis.exceptions.ResponseError("MISCONF Redis is configured to save RDB snapshots")),
        (Mongo, NotPrimaryError("not primary")),
        (Mongo, OperationFailure("available disk space is less than required minimum", 14031)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.name,
)
def test_a_store_that_says_it_cannot_is_as_one_that_is_away(store: type[Remote], error: Exception) -> None:
    class Cannot(Remote):
        name = store.name
        away = store.away  # type: ignore[attr-defined]

        async def close(self) -> None: ...

        async def check(self) -> None: ...

    app = create(Cannot())

    @app.post("/")
    async def write() -> None:
        raise error

    answer = TestClient(app).post("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2"), json.dumps(answer.json())


def test_who_waits_for_a_password_keeps_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        def verify(self, stored: str, password: str) -> bool:
            time.sleep(0.02)
            return True

    monkeypatch.setattr(passwords, "_hasher", Slow())
    app = create()

    @app.post("/log-in")
    async def log_in() -> bool:
        return await passwords.verify_password("stored", "given")

    @app.get("/other")
    async def other() -> None: ...

    async def scenario() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            log_ins = [asyncio.create_task(client.post("/log-in")) for _ in range(passwords.WAITING + 10)]
            await asyncio.sleep(0.05)
            assert (await client.get("/other")).status_code == 200
            assert not all(one.done() for one in log_ins), "it was before its turn"
            answers = await asyncio.gather(*log_ins)
        assert sorted(answer.status_code for answer in answers) == [200] * passwords.WAITING + [503] * 10
        assert all(answer.headers["Retry-After"] == "2" for answer in answers if answer.status_code == 503)

    asyncio.run(scenario())


def test_signals_that_hang_with_redis_take_no_threads_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "_skip_until", 0.0)
    back, sent = threading.Event(), []

    async def scenario() -> None:
        signals = [asyncio.create_task(queue.signal(back.wait, 0.5, job="1")) for _ in range(100)]
        await asyncio.sleep(0.1)
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "a file"), 0.3) == "a file"
        assert await asyncio.gather(*signals) == [False] * 100
        assert not await queue.signal(lambda: sent.append("at once"), 0.5)
        back.set()
        monkeypatch.setattr(queue, "_skip_until", 0.0)
        assert await queue.signal(lambda: sent.append(request_id.current.get()), 0.5)

    given = request_id.current.set("request-0001")
    try:
        asyncio.run(scenario())
    finally:
        back.set()
        request_id.current.reset(given)
    assert sent == ["request-0001"]
