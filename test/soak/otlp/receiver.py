"""Takes OTLP over HTTP in Loki's and Jaeger's places, and tells a test what came. It is neither: it forgets, and answers no query of theirs."""
import gzip, json, threading, time
from collections import Counter, defaultdict, deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

# Not printed: the collector would send those lines here, too. As many of each service as memory has room for.
kept = defaultdict(lambda: deque(maxlen=5000))
counts = Counter()
def words(attributes): return {one.key: one.value.string_value for one in attributes}

def keep(resource, **entry):
    service = words(resource.attributes).get("service.name", "")
    counts[service] += 1
    kept[service].append(json.dumps({**entry, "service": service, "resource": words(resource.attributes), "arrived": time.time()}))

def logs(body):
    for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
        for scope in resource.scope_logs:
            for line in scope.log_records:
                keep(resource.resource, kind="line", written=line.time_unix_nano / 1e9, level=line.severity_text, severity=line.severity_number,
                     trace=line.trace_id.hex(), attributes=words(line.attributes), body=line.body.string_value)

def traces(body):
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                keep(resource.resource, kind="span", scope=scope.scope.name, name=span.name, trace=span.trace_id.hex(),
                     id=span.span_id.hex(), parent=span.parent_span_id.hex())

TAKES = {"/otlp/v1/logs": logs, "/v1/traces": traces}

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        told = {"/received": lambda: "\n".join(entry for entries in list(kept.values()) for entry in list(entries)), "/counts": lambda: json.dumps(counts)}
        self.answer(200, told.get(self.path, lambda: "ready")())
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip": body = gzip.decompress(body)
        take = TAKES.get(self.path)
        if take: take(body)
        self.answer(200 if take else 404)
    def answer(self, status, text=""):
        self.send_response(status); self.send_header("Content-Type", "application/x-protobuf"); self.send_header("Content-Length", str(len(text.encode()))); self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *_): pass

# Loki's port; Jaeger's for spans, for people, and for its health.
servers = [ThreadingHTTPServer(("0.0.0.0", port), Handler) for port in (3100, 4318, 16686, 14269)]
for server in servers[1:]: threading.Thread(target=server.serve_forever, daemon=True).start()
servers[0].serve_forever()
