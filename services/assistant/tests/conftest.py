"""Integration tests run the real roles as processes, against the database and Redis of DATABASE_URL and REDIS_URL."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

TWILIO_TOKEN = "twilio-auth-token"
NUMBER = "+15551234567"
INTERNAL_TOKEN = "internal-token-for-the-tests"
SEED_PASSWORD = "password of the test users"
PASSWORD = "correct horse battery"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], object], seconds: float = 15) -> object:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.05)
    raise AssertionError(f"did not happen within {seconds} s")


class Stack:
    """The four roles, migrated and running."""

    def __init__(self, directory: Path, database_url: str, redis_url: str) -> None:
        self.email = f"{uuid.uuid4().hex[:12]}@example.com"
        secrets = {
            "DATABASE_URL_FILE": database_url,
            "REDIS_URL_FILE": redis_url,
            "JWT_KEYS_FILE": "a" * 40,
            "MFA_KEYS_FILE": "m" * 40,
            "SEED_PASSWORD_FILE": SEED_PASSWORD,
            "INTERNAL_TOKEN_FILE": INTERNAL_TOKEN,
            "TWILIO_AUTH_TOKEN_FILE": TWILIO_TOKEN,
            "TWILIO_USER_NUMBERS_FILE": f'{{"{NUMBER}": "{self.email}"}}',
        }
        self.env = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")} | {
            # What all Python services have stands beside, here and in the image.
            "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), os.environ.get("PYTHONPATH", "")))
        }
        for name, content in secrets.items():
            path = directory / name.lower()
            path.write_text(content + "\n")
            self.env[name] = str(path)
        self.directory = directory
        self.ports = {role: free_port() for role in ("api", "agent", "worker", "sms-router")}
        self.env |= {
            "AGENT_URL": f"http://127.0.0.1:{self.ports['agent']}",
            "PUBLIC_URL": "https://assistant.example.com",
            "RATE_LIMIT_PER_MINUTE": "0",
            "WORKER_CONCURRENCY": "1",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "personal_assistant.cli", *command],
            env=self.env | env,
            capture_output=True,
            text=True,
            timeout=90,
        )

    def start(self, role: str, **env: str) -> None:
        with (self.directory / f"{role}.log").open("ab") as log:
            self.processes[role] = subprocess.Popen(
                [sys.executable, "-m", "personal_assistant.cli", role],
                env=self.env | {"PORT": str(self.ports[role])} | env,
                stdout=log,
                stderr=log,
            )
        wait_for(lambda: self.answers(role))

    def answers(self, role: str) -> bool:
        try:
            return httpx.get(self.url(role, "/ready?scope=data"), timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def url(self, role: str, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[role]}{path}"

    def stop(self, role: str) -> int:
        process = self.processes.pop(role)
        process.send_signal(signal.SIGTERM)
        return process.wait(60)

    def log(self, role: str) -> list[str]:
        return (self.directory / f"{role}.log").read_text().splitlines()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    missing = [name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)]
    if missing:
        message = f"{' and '.join(missing)} not set: the services are not tested"
        pytest.fail(message) if os.environ.get("REQUIRE_SERVICES") == "1" else pytest.skip(message)
    running = Stack(tmp_path_factory.mktemp("stack"), os.environ["DATABASE_URL"], os.environ["REDIS_URL"])
    migrated = running.run("migrate")
    assert migrated.returncode == 0, migrated.stdout + migrated.stderr
    try:
        for role in running.ports:
            running.start(role)
        yield running
    finally:
        for role in list(running.processes):
            running.stop(role)


@pytest.fixture(scope="session")
def api(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url("api", ""), timeout=70) as client:
        yield client


def new_user(api: httpx.Client, email: str | None = None) -> dict[str, str]:
    """The Authorization header of a user made for one test."""
    account = {"email": email or f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}
    api.post("/v1/auth/register", json=account)
    answer = api.post("/v1/auth/login", json=account)
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def other_side(answer: dict[str, Any]) -> tuple[str, list[str], Callable[[], None]]:
    """A third party on loopback: its URL, what it was sent, and how to stop it."""
    received: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}", received, server.shutdown
