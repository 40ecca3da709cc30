"""
Takes OTLP over HTTP in Loki's and Jaeger's places, and tells a test what came. It is neither: it forgets, and answers
no query of theirs.
"""

import gzip
import json
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

# Not printed: the collector would send those lines here, too. As many of each service as memory has room for.
kept: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=5000))
counts: Counter[str] = Counter()


def words(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {one.key: one.value.string_value for one in attributes}


def keep(resource: Resource, **entry: object) -> None:
    of = words(resource.attributes)
    service = of.get("service.name", "")
    counts[service] += 1
    kept[service].append(json.dumps({**entry, "service": service, "resource": of, "arrived": time.time()}))


def logs(body: bytes) -> None:
    for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
        for scope in resource.scope_logs:
            for line in scope.log_records:
                keep(
                    resource.resource,
                    written=line.time_unix_nano / 1e9,
                    level=line.severity_text,
                    severity=line.severity_number,
                    trace=line.trace_id.hex(),
                    attributes=words(line.attributes),
                    body=line.body.string_value,
                )


def traces(body: bytes) -> None:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                keep(
                    resource.resource,
                    scope=scope.scope.name,
                    name=span.name,
                    began=span.start_time_unix_nano / 1e9,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                )


def received() -> str:
    return "\n".join(entry for entries in list(kept.values()) for entry in list(entries))


TAKES: dict[str, Callable[[bytes], None]] = {"/otlp/v1/logs": logs, "/v1/traces": traces}
TELLS: dict[str, Callable[[], str]] = {"/received": received, "/counts": lambda: json.dumps(counts)}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer(200, TELLS.get(self.path, lambda: "ready")())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        take = TAKES.get(self.path)
        if take:
            take(body)
        self.answer(200 if take else 404)

    def answer(self, status: int, text: str = "") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


# Loki's port; Jaeger's for spans, for people, and for its health.
PORTS = (3100, 4318, 16686, 13133)

if __name__ == "__main__":
    servers = [ThreadingHTTPServer(("0.0.0.0", port), Handler) for port in PORTS]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()
