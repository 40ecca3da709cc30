"""The service: a run when it is due, and the metrics."""

import signal
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import state as states
from .runs import Log, Runner
from .settings import Failed, Settings

RETRY = 600
"""Seconds until a failed run is tried again, where the interval is not shorter."""


def due(state: states.State, every: int, now: float) -> float:
    """Seconds until the next run."""
    wait = every if state.ok else min(every, RETRY)
    # A clock that was set back must not put the next run off.
    return min(max(0.0, state.attempted + wait - now), wait)


def serve(settings: Settings, log: Log) -> None:
    """Never returns. A failed run is logged and counted; the service goes on."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    runner = Runner(settings, log)
    server = ThreadingHTTPServer(("", settings.metrics_port), handler(settings, runner, time.time()))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    log("serving", every=settings.every, keep=settings.keep, destination=settings.destination)
    attempt(runner.look, log)
    while True:
        wait = due(states.load(runner.state_file), settings.every, time.time())
        if wait > 0:
            time.sleep(min(wait, 5))
        else:
            attempt(runner.run, log)


def attempt(work: Callable[[], object], log: Log) -> None:
    try:
        work()
    except Failed as failed:
        log("backup failed", level="error", stage=failed.stage, error=str(failed))
    except Exception as error:
        # Whatever it is, the next run may be well.
        log("backup failed", level="error", stage="other", error=f"{type(error).__name__}: {error}")
        time.sleep(5)


def handler(settings: Settings, runner: Runner, started: float) -> type[BaseHTTPRequestHandler]:
    def answer(path: str) -> str | None:
        if path == "/metrics":
            return states.metrics(states.load(runner.state_file), settings.every, settings.keep, started)
        return "ok\n" if path == "/health" else None

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = answer(self.path)
            body = (text or "not found\n").encode()
            try:
                self.send_response(200 if text else 404)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                """The health check hangs up after the first line."""

        def log_message(self, *_: object) -> None:
            """Nobody reads who asked for metrics."""

    return Handler
