"""The services as processes, and a stand-in for `dataflow` where a test is about what calls it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

TOKEN = "token-of-the-tests-0123456789"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ANSWER = {"answer": "In London.", "passages": [], "neighbours": []}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(f"did not happen within {seconds} s")


class StandIn(BaseHTTPRequestHandler):
    """Of the service `dataflow`: one answer to every question, after `slow` seconds."""

    slow = 0.0
    ready = 200
    asked: list[Any] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self._answer(self.ready, {"status": "ready"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).asked.append(body)
        time.sleep(self.slow)
        self._answer(200, ANSWER if "question" in body else {"id": body["id"]})

    def _answer(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def stand_in(slow: float = 0) -> Iterator[tuple[str, Any]]:
    handler = type("Handler", (StandIn,), {"slow": slow, "asked": [], "ready": 200})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler
    finally:
        server.shutdown()
        server.server_close()


class Service:
    """One of the services, as its container runs it."""

    def __init__(self, name: str, folder: Path, **env: str) -> None:
        self.port, self.websocket_port = free_port(), free_port()
        tokens = folder / "tokens"
        tokens.write_text(f"{TOKEN}\n")
        self.log = folder / f"{name}-{self.port}.log"
        self.env = os.environ | {
            # It runs elsewhere: what is found from here is found from there.
            "PYTHONPATH": os.pathsep.join(str(Path(folder).resolve()) for folder in sys.path if folder),
            "SERVICE": name,
            "PORT": str(self.port),
            "WEBSOCKET_PORT": str(self.websocket_port),
            "API_TOKENS_FILE": str(tokens),
            **env,
        }
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "berth"]
            self.process = subprocess.Popen(command, env=self.env, stdout=log, stderr=log, cwd=folder)
        try:
            until(self.healthy)
        except BaseException:
            self.process.kill()
            raise AssertionError(self.log.read_text()) from None

    def url(self, path: str = "") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def websocket(self) -> str:
        return f"ws://127.0.0.1:{self.websocket_port}"

    def healthy(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(self.url("/health")).status_code == 200
        except httpx.HTTPError:
            return False

    def metric(self, line: str) -> float:
        text = httpx.get(self.url("/metrics")).text
        return next(float(found.rsplit(" ", 1)[1]) for found in text.splitlines() if found.startswith(f"{line} "))

    def stop(self) -> int:
        """Its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def running(name: str, folder: Path, **env: str) -> Iterator[Service]:
    service = Service(name, folder, **env)
    try:
        yield service
    finally:
        service.process.kill()
        service.process.wait()
