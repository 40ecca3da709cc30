"""The service as a process, without what it uses: bin/test python runs this."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse

import pytest

# <stores>
#: Nothing listens there.
URLS = {
    "DATABASE_URL_FILE": "postgresql://nobody@127.0.0.1:1/nothing",  # <postgres>
    "REDIS_URL_FILE": "redis://127.0.0.1:1/0",  # <redis>
}
# </stores>


@dataclass
class Service:
    process: subprocess.Popen[bytes]
    port: int

    def ask(self, path: str, **headers: str) -> tuple[HTTPResponse, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer, answer.read().decode()

    def get(self, path: str) -> tuple[int, object]:
        answer, text = self.ask(path)
        return answer.status, json.loads(text)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    env = os.environ | {"PORT": str(port), "SERVICE": "newservice"}
    # <stores>
    folder = tmp_path_factory.mktemp("secrets")
    for name, url in URLS.items():
        (folder / name).write_text(url)
        env[name] = str(folder / name)
    # </stores>
    running = Service(subprocess.Popen([sys.executable, "-m", "berth"], env=env), port)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                running.get("/health")
                break
            except OSError:
                assert running.process.poll() is None and time.monotonic() < deadline, "it did not start"
                time.sleep(0.05)
        yield running
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(10) == 0
    finally:
        running.process.kill()


def test_it_lives_whatever_else_does(service: Service) -> None:
    assert service.get("/health") == (200, {"status": "ok", "service": "newservice"})


# <stores>
def test_it_is_not_ready_while_its_stores_are_away(service: Service) -> None:
    answer, text = service.ask("/ready")
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert json.loads(text)["error"].endswith(" unavailable, try again")


# </stores>
def test_it_answers(service: Service) -> None:
    assert service.get("/") == (200, {"service": "newservice"})


def test_what_is_not_there_has_an_answer_of_its_own(service: Service) -> None:
    assert service.get("/nothing") == (404, {"error": "Not Found"})


def test_it_counts_requests_by_route(service: Service) -> None:
    service.get("/")
    lines = service.ask("/metrics")[1].splitlines()
    assert any(line.startswith('http_requests_total{method="GET",route="/",status="200"}') for line in lines)
    assert "http_requests_in_progress 1.0" in lines


def test_a_request_has_an_id(service: Service) -> None:
    assert service.ask("/", **{"X-Request-Id": "0123456789"})[0].headers["x-request-id"] == "0123456789"
    assert len(service.ask("/", **{"X-Request-Id": "no"})[0].headers["x-request-id"]) == 32
