"""The HTTP interface, on stand-ins of the stores (fakes.py)."""

from __future__ import annotations

import asyncio
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from contract.cases import RESULT
from fakes import FakeChroma, FakeMongo, FakeRedis
from fastapi import FastAPI

from samplemind import api
from samplemind.api import build
from samplemind.jobs import queue
from samplemind.settings import Settings, load

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(28)
OWN = {"X-Requested-With": "samplemind"}


class Backend:
    def __init__(self, app: FastAPI, stores: tuple[FakeMongo, FakeChroma, FakeRedis], folder: Path) -> None:
        self.mongo, self.chroma, self.redis = stores
        self.folder, self.app = folder, app
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://backend")

    async def log_in(self, email: str = "a@example.com") -> None:
        answer = await self.client.post("/api/auth/login", json={"email": email, "password": "right"})
        self.client.cookies.clear()
        self.client.headers["Authorization"] = f"Bearer {answer.json()['token']}"

    async def upload(self, content: bytes | AsyncIterator[bytes] = WAV, name: str = "a.wav", **headers: str) -> Any:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return await self.client.post("/api/samples", params={"name": name}, content=content, headers=named)

    def files(self) -> list[str]:
        return [file.name for file in self.folder.rglob("*") if file.is_file()]

    def make_ready(self, sample: str, **result: object) -> None:
        document = self.mongo.database["samples"].documents[sample]
        document.update(RESULT | {"state": "ready"} | result)
        self.chroma.vectors[sample] = document["vector"]


Run = Callable[[Callable[[Backend], Awaitable[None]]], None]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    contents = {
        "MONGO_URL_FILE": "mongodb://u:p@127.0.0.1:1/",
        "REDIS_URL_FILE": "redis://127.0.0.1:1/0",
        "SESSION_SECRET_FILE": "k" * 32,
        "USERS_FILE": json.dumps([{"email": f"{name}@example.com", "password": "right"} for name in "ab"]),
    }
    env = {"CHROMA_URL": "http://127.0.0.1:1", "SAMPLES_DIR": str(tmp_path / "samples"), "MAX_UPLOAD_MB": "1"}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
        env[name] = str(tmp_path / name)

    async def sent(*_: object) -> bool:
        return True

    monkeypatch.setattr(queue, "announce", sent)

    def whole(test: Callable[[Backend], Awaitable[None]]) -> None:
        async def inside() -> None:
            stores = (FakeMongo(), FakeChroma(), FakeRedis())
            await test(Backend(build(load("backend", env), cast(Any, stores)), stores, tmp_path / "samples"))

        asyncio.run(inside())

    return whole


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_its_clients_are_made_when_traces_are_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of MongoDB tells those of its commands who were there before it."""
    order: list[str] = []
    monkeypatch.setattr(Settings, "trace", lambda *_: order.append("traces"))
    for name, fake in (("Mongo", FakeMongo), ("Chroma", FakeChroma), ("Redis", FakeRedis)):
        monkeypatch.setattr(api, name, lambda *_, name=name, fake=fake: order.append(name) or fake())

    async def again(backend: Backend) -> None:
        order.clear()
        build(backend.app.state.has.settings)

    run(again)
    assert order == ["traces", "Mongo", "Chroma", "Redis"]


def test_nothing_is_told_to_who_is_not_logged_in(run: Run) -> None:
    async def test(backend: Backend) -> None:
        for route in backend.app.routes:
            path = getattr(route, "path", "")
            if path.startswith("/api") and path != "/api/auth/login":
                for method in cast(Any, route).methods:
                    answer = await backend.client.request(method, path.replace("{id}", "0" * 32))
                    assert answer.status_code == 401, (method, path)

    run(test)


def test_a_log_in_gives_a_token_and_a_cookie_for_this_site_alone(run: Run) -> None:
    async def test(backend: Backend) -> None:
        client = backend.client
        wrong = await client.post("/api/auth/login", json={"email": "a@example.com", "password": "wrong"})
        assert code(wrong) == (401, "invalid_login")
        answer = await client.post(
            "/api/auth/login",
            json={"email": "A@Example.com", "password": "right"},
            headers={"X-Forwarded-Proto": "https"},
        )
        assert answer.json()["user"] == {"email": "a@example.com"}
        cookie = answer.headers["set-cookie"]
        assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Secure", "Path=/api"))
        client.cookies.set("samplemind", answer.json()["token"])
        assert (await client.get("/api/auth/me")).json() == {"user": {"email": "a@example.com"}}
        # Another site can make the browser send the cookie, but not the header.
        assert code(await client.post("/api/auth/logout")) == (403, "no_header")
        assert (await client.post("/api/auth/logout", headers=OWN)).status_code == 204
        client.cookies.set("samplemind", answer.json()["token"])
        assert (await client.get("/api/auth/me")).status_code == 401, "it was logged out"

    run(test)


def test_guessing_is_told_to_wait(run: Run) -> None:
    async def test(backend: Backend) -> None:
        backend.app.state.has.log_ins.clock = lambda: 90.0
        guess = {"email": "a@example.com", "password": "wrong"}
        answers = [await backend.client.post("/api/auth/login", json=guess) for _ in range(11)]
        assert [answer.status_code for answer in answers] == [401] * 10 + [429]
        assert answers[-1].headers["retry-after"] == "30"

    run(test)


def test_bad_input_is_told_without_repeating_it(run: Run) -> None:
    async def test(backend: Backend) -> None:
        await backend.log_in()
        assert (await backend.upload()).status_code == 202
        assert code(await backend.client.get("/api/samples", params={"q": "a\0"})) == (422, "invalid")
        answer = await backend.client.post("/api/auth/login", json={"email": 5, "password": "secret" * 100})
        assert code(answer) == (422, "invalid") and "secret" not in answer.text
        assert code(await backend.client.get("/api/nothing")) == (404, "not_found")

    run(test)


def test_a_body_that_is_read_whole_is_small(run: Run) -> None:
    async def test(backend: Backend) -> None:
        for content in (b"x" * 100_000, endless(100_000)):
            headers = {"Content-Type": "application/json"}
            answer = await backend.client.post("/api/auth/login", content=content, headers=headers)
            assert code(answer) == (413, "too_large")

    run(test)


def test_an_upload_is_a_sample_that_waits(run: Run) -> None:
    async def test(backend: Backend) -> None:
        await backend.log_in()
        answer = await backend.upload(name="../Kick \u202e.wav")
        sample = answer.json()
        assert (answer.status_code, sample["name"], sample["type"], sample["state"]) == (
            202,
            "Kick .wav",
            "wav",
            "waiting",
        )
        assert backend.files() == [sample["id"]]
        assert (await backend.client.get(f"/api/samples/{sample['id']}")).json() == sample
        assert code(await backend.client.get(f"/api/samples/{'0' * 32}")) == (404, "not_found")
        assert code(await backend.client.get("/api/samples/..%2f..%2fetc")) == (404, "not_found")

    run(test)


async def endless(size: int) -> AsyncIterator[bytes]:
    yield WAV
    for _ in range(size // 10_000):
        yield bytes(10_000)


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (b"", "a.wav", (422, "empty")),
        (b"hello, this is text", "a.wav", (415, "unsupported_type")),
        (WAV, "", (422, "bad_name")),
        (WAV, "///", (422, "bad_name")),
        (WAV + bytes(1_000_000), "a.wav", (413, "too_large")),
        (2_000_000, "a.wav", (413, "too_large")),
    ],
    ids=["empty", "text", "no name", "slashes", "large by its head", "large by its body"],
)
def test_an_upload_that_is_refused_leaves_nothing(
    run: Run, content: bytes | int, name: str, expected: tuple[int, str]
) -> None:
    async def test(backend: Backend) -> None:
        await backend.log_in()
        body = endless(content) if isinstance(content, int) else content
        assert code(await backend.upload(body, name)) == expected
        assert backend.files() == [] and backend.mongo.database["samples"].documents == {}

    run(test)


def test_the_same_key_gives_the_same_sample_to_the_same_user(run: Run) -> None:
    async def test(backend: Backend) -> None:
        await backend.log_in()
        key = {"Idempotency_Key": "0123456789"}
        first = await backend.upload(**key)
        again = await backend.upload(**key)
        assert again.json() == first.json() and again.status_code == 202
        for other in ({"content": WAV + b"more"}, {"name": "b.wav"}):
            assert code(await backend.upload(**other, **key)) == (409, "key_used"), "it would be lost"
        both = await asyncio.gather(
            *(backend.upload(**{"Idempotency_Key": "at the same time".replace(" ", "-")}) for _ in "12")
        )
        assert both[0].json()["id"] == both[1].json()["id"]
        assert len(backend.files()) == 2
        assert code(await backend.upload(**{"Idempotency_Key": "short"})) == (422, "bad_key")
        await backend.log_in("b@example.com")
        assert (await backend.upload(**key)).json()["id"] != first.json()["id"]

    run(test)


def test_of_two_files_with_one_key_at_the_same_time_one_is_taken(run: Run) -> None:
    async def test(backend: Backend) -> None:
        await backend.log_in()
        files = (WAV + b"one", WAV + b"two")
        answers = await asyncio.gather(*(backend.upload(file, Idempotency_Key="0123456789") for file in files))
        assert sorted(answer.status_code for answer in answers) == [202, 409]
        taken = next(number for number, answer in enumerate(answers) if answer.status_code == 202)
        sample = answers[taken].json()["id"]
        assert (await backend.client.get(f"/api/samples/{sample}/audio")).content == files[taken]

    run(test)


def test_fifty_uploads_at_once_and_others_are_answered_meanwhile(run: Run) -> None:
    async def test(backend: Backend) -> None:
        await backend.log_in()
        go_on = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield WAV
            await go_on.wait()
            yield WAV

        uploads = [asyncio.create_task(backend.upload(slow())) for _ in range(50)]
        await asyncio.sleep(0.5)
        assert (await asyncio.wait_for(backend.client.get("/api/samples"), 2)).json()["items"] == []
        go_on.set()
        assert [answer.status_code for answer in await asyncio.gather(*uploads)] == [202] * 50
        assert len(backend.files()) == 50

    run(test)


def test_while_a_store_is_away_the_answer_is_503_and_nothing_is_half_stored(run: Run) -> None:
    async def test(backend: Backend) -> None:
        await backend.log_in()
        sample = (await backend.upload()).json()["id"]
        backend.make_ready(sample)
        backend.chroma.gone = True
        answer = await backend.client.get(f"/api/samples/{sample}/similar")
        assert code(answer) == (503, "unavailable") and answer.headers["retry-after"] == "2"
        assert (await backend.client.get("/ready?scope=data")).status_code == 200
        assert (await backend.client.get("/ready")).status_code == 503
        assert (await backend.client.delete(f"/api/samples/{sample}")).status_code == 204
        backend.mongo.database.away = True
        assert code(await backend.upload(Idempotency_Key="0123456789")) == (503, "unavailable")
        assert (await backend.client.get("/ready?scope=data")).status_code == 503
        assert backend.files() == []
        assert (await backend.client.get("/health")).status_code == 200
        backend.redis.client.away = True
        assert (await backend.client.get("/api/auth/me")).status_code == 200
        assert code(await backend.client.post("/api/auth/logout")) == (503, "unavailable")

    run(test)


def test_the_sound_comes_in_parts_and_as_what_it_is(run: Run) -> None:
    async def test(backend: Backend) -> None:
        await backend.log_in()
        sample = (await backend.upload(name='a"\u00fc.wav')).json()["id"]
        get = lambda **headers: backend.client.get(f"/api/samples/{sample}/audio", headers=headers)  # noqa: E731
        whole = await get()
        assert (whole.content, whole.headers["content-type"]) == (WAV, "audio/wav")
        assert whole.headers["x-content-type-options"] == "nosniff"
        part = await get(Range="bytes=0-3")
        assert (part.status_code, part.content, part.headers["content-range"]) == (
            206,
            b"RIFF",
            f"bytes 0-3/{len(WAV)}",
        )
        assert (await get(Range="bytes=-2")).content == WAV[-2:]
        assert (await get(Range="bytes=1000-")).status_code == 416
        (backend.folder / sample).unlink()
        assert code(await get()) == (404, "no_file")

    run(test)


def test_the_picture_is_there_when_the_analysis_is(run: Run) -> None:
    async def test(backend: Backend) -> None:
        await backend.log_in()
        sample = (await backend.upload()).json()["id"]
        assert code(await backend.client.get(f"/api/samples/{sample}/waveform")) == (404, "not_ready")
        assert code(await backend.client.get(f"/api/samples/{sample}/similar")) == (409, "not_ready")
        backend.make_ready(sample)
        answer = await backend.client.get(f"/api/samples/{sample}/waveform")
        assert answer.headers["content-type"] == "image/svg+xml"
        assert ElementTree.fromstring(answer.text).tag.endswith("svg")

    run(test)


def test_similar_samples_come_nearest_first_and_only_those_that_are_there(run: Run) -> None:
    async def test(backend: Backend) -> None:
        await backend.log_in()
        one, near, far = [(await backend.upload(name=name)).json()["id"] for name in ("one", "near", "far")]
        backend.make_ready(one, vector=[0.0, 0.0])
        backend.make_ready(near, vector=[0.1, 0.0])
        backend.make_ready(far, vector=[1.0, 1.0])
        backend.chroma.vectors["0" * 32] = [0.0, 0.0]  # deleted, and the clean-up has not been
        items = (await backend.client.get(f"/api/samples/{one}/similar")).json()["items"]
        assert [(item["sample"]["name"], item["distance"]) for item in items] == [("near", 0.01), ("far", 2.0)]
        assert len((await backend.client.get(f"/api/samples/{one}/similar?limit=1")).json()["items"]) == 1

    run(test)


def test_a_list_goes_on_where_it_ended(run: Run) -> None:
    async def test(backend: Backend) -> None:
        await backend.log_in()
        for number in range(3):
            await backend.upload(name=f"{number}.wav")
        first = (await backend.client.get("/api/samples?limit=2")).json()
        second = (await backend.client.get(f"/api/samples?limit=2&before={first['next']}")).json()
        names = sorted(item["name"] for page in (first, second) for item in page["items"])
        assert names == ["0.wav", "1.wav", "2.wav"]
        assert second["next"] is None
        for bad in ("limit=0", "limit=1000", "tempo_min=x", "before=x"):
            assert (await backend.client.get(f"/api/samples?{bad}")).status_code == 422

    run(test)


def test_statistics_settings_and_metrics(run: Run) -> None:
    async def test(backend: Backend) -> None:
        await backend.log_in()
        assert (await backend.client.get("/api/statistics")).json()["made_at"] is None
        assert (await backend.client.get("/api/settings")).json() == {"max_upload_mb": 1, "descriptions": False}
        await backend.upload()
        text = (await backend.client.get("/metrics")).text
        assert 'samplemind_uploads_total{outcome="stored"}' in text and "samplemind_uploads_in_progress 0.0" in text

    run(test)
