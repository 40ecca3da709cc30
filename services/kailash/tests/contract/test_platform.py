"""The whole platform as processes, on the PostgreSQL, Redis and Neo4j of the environment.

    DATABASE_URL=postgresql://user:password@host/database REDIS_URL=redis://host NEO4J_URL=bolt://host \\
    NEO4J_AUTH=user:password pytest tests/contract

The database has pgvector, and is empty or this platform's; what the tests store stays there."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
import websockets
from support import BEARER, TOKEN, Service, free_port, running, until

from knowledge.migrate import files

NEEDED = ("DATABASE_URL", "REDIS_URL", "NEO4J_URL", "NEO4J_AUTH")
ADA = "Ada Lovelace wrote to Charles Babbage about the Analytical Engine. She met Mary Somerville in London."


class Forwarder:
    """Stands before a server, and can be cut: new connections are refused, and those there are end."""

    def __init__(self, url: str, default: int) -> None:
        parts = urlsplit(url)
        self._target = (str(parts.hostname), parts.port or default)
        self.port = free_port()
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.join()

    def join(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        assert self._listener
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._open:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            self._open += [client, server]
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    @staticmethod
    def _copy(one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class Platform:
    def __init__(self, folder: Path, stack: ExitStack) -> None:
        given = {name: os.environ.get(name, "") for name in NEEDED}
        missing = [name for name, value in given.items() if not value]
        assert not missing, f"{', '.join(missing)}: missing; see the top of {__file__}"
        self.folder, self.stack = folder, stack
        self.database = Forwarder(given["DATABASE_URL"], 5432)
        self.graph = Forwarder(given["NEO4J_URL"], 7687)
        parts = urlsplit(given["DATABASE_URL"])
        through = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{self.database.port}").geturl()
        self.env = {"NEO4J_URL": f"bolt://127.0.0.1:{self.graph.port}", "NODE_CACHE_DIR": str(folder)}
        for name, content in (
            ("DATABASE_URL_FILE", through),
            ("REDIS_URL_FILE", given["REDIS_URL"]),
            ("NEO4J_AUTH_FILE", given["NEO4J_AUTH"]),
            ("API_TOKENS_FILE", TOKEN),
        ):
            (folder / name).write_text(content)
            self.env[name] = str(folder / name)
        self.url = given["DATABASE_URL"]

    def migrate(self) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "knowledge.migrate"]
        env = os.environ | self.env | {"SEED": "true", "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)

    def start(self, name: str, **env: str) -> Service:
        return self.stack.enter_context(running(name, self.folder, **(self.env | env)))


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with ExitStack() as stack:
        made = Platform(tmp_path_factory.mktemp("platform"), stack)
        migrated = made.migrate()
        assert migrated.returncode == 0, migrated.stdout + migrated.stderr
        yield made


@pytest.fixture(scope="module")
def dataflow(platform: Platform) -> Service:
    return platform.start("dataflow")


@pytest.fixture(scope="module")
def api(platform: Platform, dataflow: Service) -> Service:
    return platform.start("api", DATAFLOW_URL=dataflow.url())


@pytest.fixture(scope="module")
def nexus(platform: Platform, dataflow: Service) -> Service:
    return platform.start("nexus", DATAFLOW_URL=dataflow.url())


def ask(api: Service, question: str) -> Any:
    answer = httpx.post(api.url("/v1/questions"), json={"question": question}, headers=BEARER, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


def store(api: Service, title: str, text: str, key: str | None = None) -> str:
    headers = BEARER | ({"Idempotency-Key": key} if key else {})
    answer = httpx.post(api.url("/v1/documents"), json={"title": title, "text": text}, headers=headers, timeout=20)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def state(api: Service, id: str) -> str:
    return str(httpx.get(api.url(f"/v1/documents/{id}"), headers=BEARER, timeout=20).json()["state"])


def indexed(api: Service, id: str) -> None:
    until(lambda: state(api, id) == "indexed")


def nexus_cli(service: Service, *words: str) -> Any:
    command = [sys.executable, "-m", "knowledge.cli", *words]
    done = subprocess.run(command, env=service.env, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_migrations_are_done_once_and_again_changes_nothing(platform: Platform) -> None:
    """KD-18."""
    newest = files()[-1][0]

    def told() -> list[str]:
        return [line for line in platform.migrate().stdout.splitlines() if not line.startswith("{")]

    assert told() == [f"{newest} -> {newest}"]
    with psycopg.connect(platform.url) as connection:
        connection.execute("INSERT INTO schema_migrations (version) VALUES ('9999')")
        connection.commit()
        try:
            assert told() == ["9999 -> 9999"]
        finally:
            connection.execute("DELETE FROM schema_migrations WHERE version = '9999'")


def test_the_seed_is_there_once_and_answers(api: Service) -> None:
    """KD-26."""
    indexed(api, "00000000000000000000000000000003")
    assert ask(api, "Who taught Alan Turing?")["answer"] == "Alonzo Church taught Alan Turing at Princeton."


def test_a_document_answers_a_question_on_every_channel(
    platform: Platform, dataflow: Service, api: Service, nexus: Service
) -> None:
    """KD-04, KD-05, KD-07, KD-58."""
    id = store(api, "Letters", ADA)
    indexed(api, id)
    found = ask(api, "Who wrote to Charles Babbage?")
    assert found["answer"] == "Ada Lovelace wrote to Charles Babbage about the Analytical Engine."
    # The seed tells of the same letters.
    assert any(passage["text"] == ADA and passage["score"] > 0.2 for passage in found["passages"])
    assert {"entity": "Ada Lovelace", "relation": "wrote to", "neighbour": "Charles Babbage"} in found["neighbours"]
    assert nexus_cli(nexus, "ask", "Who wrote to Charles Babbage?") == found
    mcp = platform.start("mcp", DATAFLOW_URL=dataflow.url())
    call = {"name": "ask", "arguments": {"question": "Who wrote to Charles Babbage?"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    accepts = BEARER | {"Accept": "application/json, text/event-stream"}
    over_http = httpx.post(mcp.url("/mcp"), json=message, headers=accepts, timeout=20).json()

    async def over_websocket() -> Any:
        async with websockets.connect(mcp.websocket(), additional_headers=BEARER) as socket:
            await socket.send(json.dumps(message))
            return json.loads(await socket.recv())

    for answer in (over_http, asyncio.run(over_websocket())):
        assert json.loads(answer["result"]["content"][0]["text"]) == found


def test_a_repeated_request_is_one_document(api: Service) -> None:
    key = uuid.uuid4().hex
    assert store(api, "Once", "Text.", key) == store(api, "Once", "Text.", key)
    body = {"title": "Once", "text": "Another text."}
    refused = httpx.post(api.url("/v1/documents"), json=body, headers=BEARER | {"Idempotency-Key": key})
    assert refused.status_code == 409 and refused.json()["error"]["code"] == "key_used"


def test_pages_of_documents_miss_none(api: Service) -> None:
    stored = [store(api, f"Page {n}", "Text.") for n in range(5)]
    seen: list[str] = []
    before = ""
    while len(seen) < 5:
        answer = httpx.get(api.url(f"/v1/documents?limit=2&before={before}"), headers=BEARER).json()
        seen += [item["id"] for item in answer["items"]]
        before = answer["next"]
    assert seen[:5] == stored[::-1]


def test_a_session_outlives_a_replacement_and_is_every_replicas(
    platform: Platform, dataflow: Service, nexus: Service
) -> None:
    """KD-14, KD-25, KD-33."""

    def run(service: Service, name: str, **inputs: str) -> Any:
        path = f"/nexus/workflows/{name}/execute"
        answer = httpx.post(service.url(path), json={"inputs": inputs}, headers=BEARER, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()["outputs"]["handler"]

    first = platform.start("nexus", DATAFLOW_URL=dataflow.url())
    session = run(first, "open_session")["session"]
    run(first, "ask", question="Who met Mary Somerville?", session=session)
    assert first.stop() == 0
    found = run(nexus, "session", session=session, channel="cli")
    assert found["data"] == {"asked": ["Who met Mary Somerville?"]} and found["channels"] == ["api", "cli"]
    unknown = {"inputs": {"session": str(uuid.uuid4())}}
    answer = httpx.post(nexus.url("/nexus/workflows/session/execute"), json=unknown, headers=BEARER)
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "not_found"


def test_without_the_graph_documents_are_taken_and_questions_wait(
    platform: Platform, dataflow: Service, api: Service
) -> None:
    """KD-30: it is told of, and takes away no more than it has to."""
    platform.graph.cut()
    try:
        assert httpx.get(dataflow.url("/ready"), timeout=10).status_code == 503
        assert httpx.get(dataflow.url("/ready?scope=data"), timeout=10).status_code == 200
        assert httpx.get(api.url("/ready"), timeout=10).status_code == 200
        id = store(api, "Without the graph", "Linus Torvalds wrote Git.")
        question = {"question": "Who wrote to Charles Babbage?"}
        answer = httpx.post(dataflow.url("/v1/questions"), json=question, headers=BEARER, timeout=20)
        assert answer.status_code == 503 and answer.json()["error"]["message"] == "graph unavailable, try again"
    finally:
        platform.graph.join()
    indexed(api, id)


def test_readiness_follows_the_database_and_cascades(platform: Platform, dataflow: Service, api: Service) -> None:
    """KD-29, KD-30: DataFlow's own health_check() says "healthy" all the while."""
    forwarder = platform.database
    assert [httpx.get(service.url("/ready"), timeout=10).status_code for service in (dataflow, api)] == [200, 200]
    forwarder.cut()
    try:
        for service in (dataflow, api):
            answer = httpx.get(service.url("/ready"), timeout=10)
            assert answer.status_code == 503, service.log.read_text()
            assert httpx.get(service.url("/health")).status_code == 200
        assert httpx.get(dataflow.url("/ready?scope=data"), timeout=10).status_code == 503
    finally:
        forwarder.join()
    until(lambda: httpx.get(api.url("/ready"), timeout=10).status_code == 200, 20)


def test_a_document_that_was_taken_in_is_indexed_whatever_ends(platform: Platform, dataflow: Service) -> None:
    """Taken in while the graph is away, by a process that is killed: another one indexes it."""
    platform.graph.cut()
    try:
        doomed = platform.start("dataflow")
        api = platform.start("api", DATAFLOW_URL=doomed.url())
        id = store(api, "Survivor", "Grace Hopper wrote a compiler.")
        doomed.process.send_signal(signal.SIGKILL)
        doomed.process.wait()
    finally:
        platform.graph.join()
    after = platform.start("api", DATAFLOW_URL=dataflow.url())
    until(lambda: state(after, id) == "indexed", 90)


def test_the_longest_document_is_indexed_whole_and_keeps_nobody_waiting(
    platform: Platform, dataflow: Service, api: Service
) -> None:
    """KD-31: health answers while it works."""
    text = " ".join(f"Number {n} of Ada Lovelace is {uuid.uuid4().hex}." for n in range(4000))[:200_000]
    id = store(api, "Long", text)
    slowest = 0.0

    def done() -> bool:
        nonlocal slowest
        slowest = max(slowest, httpx.get(dataflow.url("/ready"), timeout=10).elapsed.total_seconds())
        return state(api, id) == "indexed"

    until(done, 60)
    assert slowest < 2, slowest  # what the health check waits (services/python/app/bin/health)
    with psycopg.connect(platform.url) as connection:
        rows = connection.execute(
            "SELECT p.text, v.model FROM passages p JOIN passage_vectors v ON v.passage = p.id WHERE p.document = %s "
            "ORDER BY p.position",
            [id],
        ).fetchall()
    assert " ".join(row[0] for row in rows).split() == text.split()


def test_generated_nodes_are_told_kept_and_counted(platform: Platform, dataflow: Service) -> None:
    """KD-16, KD-17."""
    told = httpx.get(dataflow.url("/v1/nodes"), headers=BEARER).json()
    assert told == json.loads((platform.folder / "nodes.json").read_text())
    assert "DocumentBulkCreateNode" in told["models"]["Document"]["nodes"]
    assert dataflow.metric('dataflow_node_seconds_count{node="DocumentCreateNode"}') > 0


def test_a_stop_ends_well(platform: Platform) -> None:
    assert platform.start("dataflow").stop() == 0
