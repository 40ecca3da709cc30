"""What needs no service."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from support import BEARER, TOKEN

from berth import tracing
from berth.problems import Problem
from knowledge import api, auth, cli, embeddings, frame, migrate, models, nodes, sessions, texts
from knowledge.client import DataFlowAway, Knowledge
from knowledge.data import best_sentence
from knowledge.indexer import AWAY, IDLE, Indexer
from knowledge.settings import ConfigError, load
from knowledge.tools import Tools

TEXT = (
    "Ada Lovelace wrote to Charles Babbage about the Analytical Engine. The machine was never finished. "
    "She met Mary Somerville in London.\n\nNASA and IBM came later."
)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    files = {
        "API_TOKENS_FILE": f"{TOKEN}\nan-older-token-0123456789abcdef\n",
        "DATABASE_URL_FILE": "postgresql://kailash:secret@127.0.0.1:9/kailash",
        "REDIS_URL_FILE": "redis://127.0.0.1:9/0",
        "NEO4J_AUTH_FILE": "neo4j:a-password",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    paths = {name: str(tmp_path / name) for name in files}
    return paths | {"DATAFLOW_URL": "http://dataflow:8004", "NEO4J_URL": "bolt://neo4j:7687"}


# Settings


@pytest.mark.parametrize("role", ["api", "mcp", "nexus", "dataflow", "migrate"])
def test_each_role_reads_its_settings_and_shows_no_secret(role: str, env: dict[str, str]) -> None:
    settings = load(role, env)
    assert settings.tokens[0] == TOKEN and settings.neo4j_auth == ("neo4j", "a-password")
    assert "secret" not in repr(settings) and TOKEN not in repr(settings) and "a-password" not in repr(settings)


def test_every_problem_of_the_configuration_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "auth").write_text("nocolon")
    (tmp_path / "tokens").write_text("short")
    wrong = {
        "NEO4J_URL": "http://neo4j",
        "NEO4J_AUTH_FILE": str(tmp_path / "auth"),
        "API_TOKENS_FILE": str(tmp_path / "tokens"),
        "DRAIN_SECONDS": "soon",
    }
    with pytest.raises(ConfigError) as raised:
        load("dataflow", wrong)
    for said in ("DATABASE_URL_FILE", "NEO4J_URL", "NEO4J_AUTH_FILE: needs user:password", "key 1 has 5", "'soon'"):
        assert said in str(raised.value)


def test_a_service_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="SERVICE: got 'worker', needs one of api, mcp, nexus, dataflow, migrate"):
        load("worker", {})


# Who calls


def test_a_token_has_a_name_and_anything_else_has_none() -> None:
    tokens = (TOKEN, "another-token-0123456789abcdef")
    first, second = (auth.caller(f"Bearer {token}", tokens) for token in tokens)
    assert first and second and first != second and TOKEN not in first
    by_url = base64.b64encode(f"mcp:{TOKEN}".encode()).decode()
    assert auth.caller(f"Basic {by_url}", tokens) == first
    for header in ("", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN, "Bearer tökén", "Basic ?"):
        assert auth.caller(header, tokens) is None, header
    assert auth.caller("Bearer ", ()) is None


def test_the_same_key_of_the_same_caller_is_the_same_document() -> None:
    one = api.document_id("caller", "key-0001")
    assert one == api.document_id("caller", "key-0001") and api.ID.fullmatch(one)
    assert len({one, api.document_id("other", "key-0001"), api.document_id("caller", "key-0002")}) == 3
    assert api.document_id("caller", None) != api.document_id("caller", None)
    with pytest.raises(Problem, match="Idempotency-Key needs"):
        api.document_id("caller", "no spaces")


# Texts


def test_names_and_what_stands_between_them() -> None:
    assert texts.entities(TEXT) == [
        "Ada Lovelace", "Charles Babbage", "Analytical Engine", "Mary Somerville", "London", "NASA", "IBM",
    ]  # fmt: skip
    assert texts.relations(TEXT) == [
        ("Ada Lovelace", "wrote to", "Charles Babbage"),
        ("Charles Babbage", "about the", "Analytical Engine"),
        ("Mary Somerville", "in", "London"),
        ("NASA", texts.BESIDE, "IBM"),
    ]
    assert texts.entities("Who is The Queen of England?") == ["Queen of England"]


@pytest.mark.parametrize("text", ["ALL OF IT IN CAPITALS " * 500, "A" * 20_000, "Data " + "QUJD" * 5000])
def test_what_is_longer_than_a_name_is_none(text: str) -> None:
    """One entry of the graph's index holds 8,164 bytes: the document would never be indexed."""
    found = texts.entities(f"{text}. Ada wrote to Charles.")
    assert found == ["Ada", "Charles"] and texts.relations(text) == []


def test_passages_are_whole_sentences_and_lose_nothing() -> None:
    text = " ".join(f"Sentence number {n} says something about it." for n in range(60)) + " " + "long " * 300
    found = texts.passages(text)
    assert all(len(passage) <= texts.PASSAGE for passage in found) and len(found) > 4
    assert " ".join(found).split() == text.split()
    assert texts.passages("  \n ") == [] and texts.passages("x" * 1300) == ["x" * 600, "x" * 600, "x" * 100]


# Embeddings


def test_the_small_model_gives_the_same_vector_for_ever() -> None:
    vector = embeddings.hashed(TEXT)
    assert len(vector) == embeddings.DIMENSIONS and embeddings.near(vector, vector) == pytest.approx(1)
    # Other figures need another name (embeddings.HASHED), so that what is stored is made anew.
    shown = ",".join(f"{value:.6f}" for value in vector)
    assert hashlib.sha256(shown.encode()).hexdigest()[:16] == "960d2d46b0c0194e"
    assert embeddings.near(embeddings.hashed(""), embeddings.hashed("")) == 1


def test_what_shares_words_is_nearer_than_what_does_not() -> None:
    question = embeddings.hashed("Who wrote to Charles Babbage?")
    about, other = (embeddings.hashed(text) for text in (TEXT, "Bread needs flour, water, salt and yeast."))
    assert embeddings.near(question, about) > embeddings.near(question, other) + 0.2
    assert best_sentence("Whom did she meet in London?", [TEXT]) == "She met Mary Somerville in London."
    assert best_sentence("Anything?", []) == ""


def test_a_key_switches_to_the_provider() -> None:
    assert embeddings.model("http://p", "m", "").name == embeddings.HASHED
    vectors = [[0.0] * 255 + [1.0], [1.0] + [0.0] * 255]

    def provider(request: httpx.Request) -> httpx.Response:
        assert request.url == "http://p/v1/embeddings" and request.headers["authorization"] == "Bearer key"
        assert json.loads(request.content) == {"model": "m", "input": ["a", "b"], "dimensions": 256}
        data = [{"index": 1, "embedding": vectors[1]}, {"index": 0, "embedding": vectors[0]}]
        return httpx.Response(200, json={"data": data})

    model = embeddings.Provider("http://p/v1", "m", "key", httpx.MockTransport(provider))
    assert model.name == "m" and asyncio.run(model.embed(["a", "b"])) == vectors


async def drops() -> AsyncIterator[bytes]:
    """An answer that comes byte by byte, and never ends."""
    while True:
        yield b" "
        await asyncio.sleep(0.01)


SHORT = {"data": [{"index": 0, "embedding": [1]}]}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(429),
        httpx.Response(200, json=SHORT),
        httpx.Response(200, text="?"),
        httpx.Response(200, json={}),
        httpx.Response(200, content=drops()),
    ],
)
def test_a_provider_that_fails_is_away(monkeypatch: pytest.MonkeyPatch, answer: httpx.Response) -> None:
    model = embeddings.Provider("http://p", "m", "key", httpx.MockTransport(lambda _: answer))
    monkeypatch.setattr(embeddings, "WAIT", 0.2)
    with pytest.raises(embeddings.EmbeddingsAway):
        asyncio.run(model.embed(["a"]))


# KD-17, KD-18: nodes and migrations


def test_nodes_are_generated_of_the_models() -> None:
    db = models.declare("postgresql://nobody@127.0.0.1:9/nothing", 1)
    found = nodes.Nodes(db, None, None).catalogue()["models"]  # type: ignore[arg-type]  # asks no database
    assert set(found) == {"Document", "Passage"}
    for name, model in found.items():
        assert {f"{name}{kind}Node" for kind in ("Create", "Read", "Update", "List", "BulkCreate")} < set(
            model["nodes"]
        )
    assert found["Document"]["fields"]["state"] == "str" and found["Passage"]["fields"]["position"] == "int"


def test_what_was_generated_is_kept_and_a_change_is_told(tmp_path: Path) -> None:
    assert nodes.remember(tmp_path, {"sdk": "1"}) == "kept for the first time"
    assert nodes.remember(tmp_path, {"sdk": "1"}) == "as before"
    assert nodes.remember(tmp_path, {"sdk": "2"}) == "others than before"
    assert json.loads((tmp_path / "nodes.json").read_text()) == {"sdk": "2"}
    assert [file.name for file in tmp_path.iterdir()] == ["nodes.json"]
    assert nodes.remember(tmp_path / "none", {}) == "not kept: No such file or directory"


def test_a_node_that_takes_too_long_is_away_and_of_one_that_fails_it_is_told() -> None:
    class Answering:
        async def check(self) -> None:
            """The database is there again."""

    async def slow() -> None:
        """As a connection that is told to cancel, and waits for its server."""
        try:
            await asyncio.sleep(5)
        finally:
            await asyncio.sleep(5)

    async def wrong() -> None:
        raise RuntimeError("no such column")

    asked = nodes.Nodes(None, Answering(), None)  # type: ignore[arg-type]
    asked._connected = True

    async def patiently() -> float:
        began = time.monotonic()
        with pytest.raises(nodes.NodesAway, match=r"DocumentReadNode: no answer within 0.01 s"):
            await asked.run("DocumentReadNode", slow, seconds=0.01)
        return time.monotonic() - began

    assert asyncio.run(patiently()) < 4

    async def full() -> None:
        raise nodes.NoConnection("too many connections for database")

    with pytest.raises(nodes.NodesAway, match="DocumentReadNode: too many connections"):
        asyncio.run(asked.run("DocumentReadNode", full))
    with pytest.raises(nodes.NodeFailed, match="DocumentReadNode: no such column"):
        asyncio.run(asked.run("DocumentReadNode", wrong))
    assert nodes.NodeFailed in nodes.Nodes.away and nodes.NodeFailed not in AWAY, "a request is not to blame"


def test_migrations_are_numbered_without_gaps_and_fit_the_model() -> None:
    versions = [version for version, _ in migrate.files()]
    assert versions == [f"{n:04}" for n in range(1, len(versions) + 1)]
    assert f"vector({embeddings.DIMENSIONS})" in dict(migrate.files())["0001"]


def test_what_is_missing_is_applied_and_a_newer_schema_is_left_alone() -> None:
    assert migrate.pending(["0001", "0002"], []) == ["0001", "0002"]
    assert migrate.pending(["0001", "0002"], ["0001"]) == ["0002"]
    assert migrate.pending(["0001"], ["0001", "0002"]) == []


# The indexer


def test_what_it_does_again_and_again_is_in_no_trace_and_its_work_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_on", True)
    traced: list[tuple[str, bool]] = []

    class Rows:
        async def rows(self, query: str, *_: object) -> list[dict[str, Any]]:
            traced.append((query.split()[0], is_instrumentation_enabled()))
            return [{"pending": 1, "document": "d", "attempts": 1}]

        async def read(self, *_: object) -> None:
            traced.append(("read", is_instrumentation_enabled()))

    rows: Any = Rows()
    assert asyncio.run(Indexer(rows, rows, rows, rows).one())
    assert traced == [("SELECT", False), ("INSERT", False), ("read", True), ("DELETE", True)]


def test_that_the_database_is_away_counts_as_no_attempt() -> None:
    asked: list[tuple[object, ...]] = []

    class Away:
        async def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
            asked.append((query.split()[0], *values))
            return [{"pending": 1, "document": "d", "attempts": 5}]

        async def read(self, *_: object) -> None:
            raise nodes.NodesAway("no connection")

    away: Any = Away()
    with pytest.raises(nodes.NodesAway):
        asyncio.run(Indexer(away, away, away, away).one())
    assert asked[-1] == ("UPDATE", IDLE, 1, "d"), "the attempt is taken back"


# Sessions


def test_sessions_that_hang_with_redis_take_no_threads_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "WAIT", 0.2)
    back = threading.Event()

    async def scenario() -> None:
        hanging = [asyncio.create_task(sessions.asked(back.wait)) for _ in range(100)]
        await asyncio.sleep(0.1)
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "a name"), 0.3) == "a name"
        assert {type(end) for end in await asyncio.gather(*hanging, return_exceptions=True)} == {TimeoutError}
        back.set()
        assert await sessions.asked("a session".upper) == "A SESSION"

    try:
        asyncio.run(scenario())
    finally:
        back.set()


# The API


class Answers:
    """A transport that gives these answers in their order, and the last for ever."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers, self.requests = list(answers), []  # type: ignore[var-annotated]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(monkeypatch: pytest.MonkeyPatch, env: dict[str, str], answers: Answers) -> TestClient:
    made = Knowledge("http://dataflow", TOKEN, httpx.MockTransport(answers))
    monkeypatch.setattr(api, "Knowledge", lambda *_: made)
    return TestClient(api.build(load("api", env)))


def test_the_longest_document_fits_into_a_body() -> None:
    longest = api.Document(title="\U0001f3e0" * api.TITLE, text="\U0001f3e0" * api.TEXT)
    assert len(json.dumps(longest.model_dump())) < frame.LONGEST_BODY


def test_who_has_no_token_gets_in_nowhere(monkeypatch: pytest.MonkeyPatch, env: dict[str, str]) -> None:
    answers = Answers(httpx.Response(200, json={}))
    app = client(monkeypatch, env, answers)
    for method, path in (("POST", "/v1/documents"), ("GET", "/v1/documents"), ("GET", f"/v1/documents/{'0' * 32}"),
                         ("POST", "/v1/questions")):  # fmt: skip
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = app.request(method, path, json={"title": "t", "text": "t", "question": "q"}, headers=headers)
            assert answer.status_code == 401 and answer.json()["error"]["code"] == "no_token"
    assert answers.requests == []
    assert app.get("/health").json() == {"status": "ok", "service": "berth"}


def test_a_document_goes_on_with_an_id(monkeypatch: pytest.MonkeyPatch, env: dict[str, str]) -> None:
    answers = Answers(httpx.Response(202, json={"id": "x"}))
    app = client(monkeypatch, env, answers)
    for _ in range(2):
        headers = BEARER | {"Idempotency-Key": "key-0001"}
        assert app.post("/v1/documents", json={"title": "t", "text": "x"}, headers=headers).status_code == 202
    sent = [json.loads(request.content) for request in answers.requests]
    assert sent[0] == sent[1] and sent[0]["title"] == "t" and api.ID.fullmatch(sent[0]["id"])


@pytest.mark.parametrize(("body", "said"), [
    ({"title": "t"}, "text: Field required"), ({"title": "", "text": "x"}, "title: "),
    ({"title": "t", "text": "x" * (api.TEXT + 1)}, "text: "), ([], "the body: "),
    ({"title": "t", "text": "a\0"}, "text: has a NUL character"), ({"title": "\0", "text": "x"}, "title: has a NUL"),
    ({"title": "t", "text": "\ud800"}, "text: "),
])  # fmt: skip
def test_what_is_wrong_with_a_document_is_said(
    body: object, said: str, monkeypatch: pytest.MonkeyPatch, env: dict[str, str]
) -> None:
    answer = client(monkeypatch, env, Answers(httpx.Response(200))).post(
        "/v1/documents", content=json.dumps(body), headers=BEARER | {"Content-Type": "application/json"}
    )
    assert answer.status_code == 422 and answer.json()["error"]["message"].startswith(said)


def test_dataflow_is_asked_again_while_it_is_replaced(monkeypatch: pytest.MonkeyPatch, env: dict[str, str]) -> None:
    answers = Answers(httpx.ConnectError("refused"), httpx.Response(503), httpx.Response(200, json={"answer": "yes"}))
    answer = client(monkeypatch, env, answers).post("/v1/questions", json={"question": "?"}, headers=BEARER)
    assert answer.json() == {"answer": "yes"} and len(answers.requests) == 3


def test_what_fails_slowly_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next attempt would take as long, and whoever asks has gone by then."""
    monkeypatch.setattr("knowledge.client.PATIENCE", 0.5)
    asked = []

    async def slowly(_: httpx.Request) -> httpx.Response:
        asked.append(time.monotonic())
        await asyncio.sleep(0.3)
        return httpx.Response(503)

    with pytest.raises(DataFlowAway):
        asyncio.run(Knowledge("http://dataflow", TOKEN, httpx.MockTransport(slowly)).answer("?"))
    assert len(asked) == 1


def test_dataflow_is_told_whose_request_it_is(monkeypatch: pytest.MonkeyPatch, env: dict[str, str]) -> None:
    answers = Answers(httpx.Response(200, json={}))
    client(monkeypatch, env, answers).get("/v1/documents", headers=BEARER | {"X-Request-Id": "request-0001"})
    assert answers.requests[0].headers["X-Request-Id"] == "request-0001"


def test_away_it_is_told_so_and_nobody_is_ready(monkeypatch: pytest.MonkeyPatch, env: dict[str, str]) -> None:
    """KD-30: ready only if what it depends on is."""
    monkeypatch.setattr("knowledge.client.PATIENCE", 0)
    app = client(monkeypatch, env, Answers(httpx.ConnectError("refused")))
    for answer in (app.get("/v1/documents", headers=BEARER), app.get("/ready")):
        assert answer.status_code == 503 and answer.json()["error"]["message"] == "dataflow unavailable, try again"
        assert answer.headers["retry-after"]
    assert app.get("/health").status_code == 200


def test_its_refusals_are_passed_on(monkeypatch: pytest.MonkeyPatch, env: dict[str, str]) -> None:
    refusal = httpx.Response(409, json={"error": {"code": "key_used", "message": "no"}})
    app = client(monkeypatch, env, Answers(refusal))
    answer = app.post("/v1/documents", json={"title": "t", "text": "x"}, headers=BEARER)
    assert answer.status_code == 409 and answer.json() == {"error": {"code": "key_used", "message": "no"}}
    assert app.get("/v1/documents/nothing", headers=BEARER).status_code == 404


def test_ready_is_asked_once_and_not_again() -> None:
    answers = Answers(httpx.Response(503))
    with pytest.raises(DataFlowAway):
        asyncio.run(Knowledge("http://dataflow", TOKEN, httpx.MockTransport(answers)).check())
    assert len(answers.requests) == 1


# Tools and CLI


def test_tools_are_bounded() -> None:
    tools = Tools(Knowledge("http://dataflow", TOKEN, httpx.MockTransport(Answers(httpx.Response(500)))), "x")
    for work, said in (
        (tools.ask(""), "question: has 0 characters, needs 1 to 2000"),
        (tools.add("t", "x" * 200_001), "text: has 200001"),
        (tools.add("t\0", "x"), "title: has a NUL"),
        (tools.ask("\ud800"), "question: has half a character"),
        (tools.add("t", "x", "?"), "key needs"),
        (tools.find(0), "limit: needs a number from 1 to 200"),
    ):
        with pytest.raises(Problem, match=said):
            asyncio.run(work)


def test_the_words_of_the_cli(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.inputs(["a=1", "b=text = more", 'c={"d": [2]}']) == {"a": 1, "b": "text = more", "c": {"d": [2]}}
    with pytest.raises(SystemExit, match="got 'nothing', needs key=value"):
        cli.inputs(["nothing"])
    assert cli.main([]) == 2 and "nexus list" in capsys.readouterr().err
