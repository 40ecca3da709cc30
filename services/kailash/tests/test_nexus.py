"""The service `nexus` as a process: its workflows on three channels (KD-03, KD-61). What keeps sessions is in
tests/contract, with Redis."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from support import ANSWER, BEARER, Service, running, stand_in
from websockets.exceptions import ConnectionClosed, InvalidStatus

from knowledge.tools import ASK


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("nexus")
    (folder / "redis").write_text("redis://127.0.0.1:9/0")
    with (
        stand_in() as (url, _),
        running("nexus", folder, DATAFLOW_URL=url, REDIS_URL_FILE=str(folder / "redis")) as service,
    ):
        yield service


def execute(service: Service, name: str, inputs: object, **more: object) -> httpx.Response:
    path = f"/nexus/workflows/{name}/execute"
    return httpx.post(service.url(path), json={"inputs": inputs} | more, headers=BEARER, timeout=20)


def test_a_workflow_by_the_api(service: Service) -> None:
    measured = execute(service, "measure", {"text": "three short words"}).json()["outputs"]
    assert measured == {"measure": {"result": {"words": 3, "characters": 17}}}
    assert execute(service, "ask", {"question": "Where?"}).json()["outputs"] == {"handler": ANSWER}
    listed = httpx.get(service.url("/nexus/workflows"), headers=BEARER).json()
    assert {"ask", "add_document", "find_documents", "open_session", "session", "measure"} <= set(listed)


def test_a_workflow_by_the_cli(service: Service) -> None:
    def nexus(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "knowledge.cli", *words]
        return subprocess.run(command, env=service.env, capture_output=True, text=True, timeout=30)

    assert json.loads(nexus("run", "measure", "text=three short words").stdout) == {
        "result": {"words": 3, "characters": 17}
    }
    assert json.loads(nexus("ask", "Where?").stdout) == ANSWER
    assert "measure" in json.loads(nexus("list").stdout)
    refused = nexus("run", "ask", "question=")
    assert refused.returncode == 1 and refused.stderr.startswith('nexus: 422 {"error":{"code":"invalid"')


def test_the_cli_of_nexus_gets_nowhere(service: Service) -> None:
    """It has no way to send a token: hence knowledge.cli. Where this fails, there is one by now."""
    command = [sys.executable, "-m", "nexus.cli", "--url", service.url("/nexus"), "run", "measure", "--param", "text=x"]
    done = subprocess.run(command, env=service.env, capture_output=True, text=True, timeout=30)
    assert "401" in done.stdout + done.stderr
    told = subprocess.run([*command[:3], "--help"], env=service.env, capture_output=True, text=True, timeout=30).stdout
    assert "--url" in told and "token" not in told and "key" not in told


def test_a_workflow_by_mcp(service: Service) -> None:
    ids = count(1)

    async def whole() -> None:
        async with websockets.connect(service.websocket(), additional_headers=BEARER) as socket:

            async def call(method: str, **params: object) -> Any:
                await socket.send(json.dumps({"jsonrpc": "2.0", "id": next(ids), "method": method, "params": params}))
                return json.loads(await socket.recv())["result"]

            tools = {tool["name"]: tool for tool in (await call("tools/list"))["tools"]}
            assert {"ask", "measure", "session"} <= set(tools) and tools["ask"]["description"] == ASK
            assert tools["find_documents"]["inputSchema"]["properties"] == {"limit": {"type": "integer"}}
            for name, arguments, expected in (
                ("measure", {"text": "two words"}, {"words": 2, "characters": 9}),
                ("ask", {"question": "Where?"}, ANSWER),
            ):
                called = await call("tools/call", name=name, arguments=arguments)
                text = json.loads(called["content"][0]["text"])
                assert text == expected or text["results"]["handler"] == expected

    asyncio.run(asyncio.wait_for(whole(), 30))


def test_nobody_gets_in_without_a_token(service: Service) -> None:
    for path in ("/nexus/workflows", "/nexus/health", "/nexus/openapi.json", "/nexus/workflows/measure/execute"):
        assert httpx.get(service.url(path)).status_code == 401, path

    async def connect(url: str) -> None:
        async with websockets.connect(url):
            raise AssertionError("it is open")

    for url, status in ((service.websocket(), "401"), (f"ws://127.0.0.1:{service.port}/nexus/ws", "403")):
        with pytest.raises(InvalidStatus, match=status):
            asyncio.run(connect(url))


def test_repeated_it_is_answered_anew_and_as_before(service: Service) -> None:
    """Nexus's durability would answer from a cache of all callers, in another form."""
    answers = [execute(service, "measure", {"text": "again"}).json() for _ in range(2)]
    assert answers[0]["outputs"] == answers[1]["outputs"] == {"measure": {"result": {"words": 1, "characters": 5}}}
    assert "cached" not in answers[1]


def test_a_refusal_has_its_status(service: Service) -> None:
    answer = execute(service, "session", {"session": "no-such-session-there-is"})
    assert answer.status_code == 503 and answer.json()["error"]["code"] == "unavailable"  # no Redis here
    started = time.monotonic()
    assert execute(service, "open_session", {}).status_code == 503 and time.monotonic() - started < 3
    answer = execute(service, "find_documents", {"limit": 0})
    assert answer.status_code == 422 and answer.json()["error"]["message"] == "limit: needs a number from 1 to 200"
    assert execute(service, "measure", {"text": "x"}, mode="async").status_code == 422


def test_it_tells_of_its_dependencies_and_counts(service: Service) -> None:
    """KD-15, KD-30."""
    assert httpx.get(service.url("/ready?scope=data")).status_code == 200
    assert httpx.get(service.url("/ready"), timeout=20).json()["error"]["message"].startswith("redis unavailable")
    metrics = httpx.get(service.url("/metrics")).text
    for name in ("nexus_", "http_requests_total", "mcp_websockets ", 'dependency_up{dependency="dataflow"} 1.0'):
        assert name in metrics, name


def test_its_log_is_json_lines(service: Service) -> None:
    lines = service.log.read_text().splitlines()
    assert lines and all(json.loads(line)["service"] == "nexus" for line in lines)
    assert not [line for line in lines if json.loads(line)["level"] == "error" and "ENCRYPTION" in line]


def test_stopped_it_asks_to_come_back_and_ends_well(service: Service) -> None:
    async def whole() -> None:
        async with websockets.connect(service.websocket(), additional_headers=BEARER) as socket:
            stopped = asyncio.create_task(asyncio.to_thread(service.stop))
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd and closed.value.rcvd.code == 1012
            assert await stopped == 0

    asyncio.run(asyncio.wait_for(whole(), 40))


def test_it_writes_nothing_where_it_runs(tmp_path: Path) -> None:
    """KD-43: its container is read-only but for /tmp."""
    (tmp_path / "redis").write_text("redis://127.0.0.1:9/0")
    with running(
        "nexus", tmp_path, DATAFLOW_URL="http://127.0.0.1:9", REDIS_URL_FILE=str(tmp_path / "redis")
    ) as service:
        assert service.stop() == 0
    assert {path.name for path in tmp_path.iterdir()} == {"redis", "tokens", service.log.name}
