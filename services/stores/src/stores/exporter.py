"""Prometheus's text format over HTTP. An exporter answers where its store does not: the metric `…_up` is then 0."""

from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Sample = tuple[str, Mapping[str, str], float]
"""Name, labels, value."""
Metrics = Callable[[], Iterable[Sample]]
WAIT = 2
"""Seconds that a store has to answer: a scrape that is given up tells of no store that is away (plan/pace.ts)."""


def text(samples: Iterable[Sample]) -> str:
    return "".join(f"{name}{labelled(labels)} {value:.17g}\n" for name, labels, value in samples)


def labelled(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items()) + "}"


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def answer(up: str, metrics: Metrics) -> str:
    """@param up Name of the metric that says whether the store answers."""
    try:
        return text([(up, {}, 1), *metrics()])
    except Exception as error:
        print(f"no answer: {type(error).__name__}: {error}", flush=True)
        return text([(up, {}, 0)])


def server(port: int, up: str, metrics: Metrics) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path in ("/health", "/metrics")
            body = answer(up, metrics).encode() if self.path == "/metrics" else b""
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """A line per scrape says nothing."""

    return ThreadingHTTPServer(("0.0.0.0", port), Handler)
