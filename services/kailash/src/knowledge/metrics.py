"""What the platform counts, beside what every service does (berth/observe.py). All is of bounded labels."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

DOCUMENTS = Counter("knowledge_documents_total", "Documents taken in", ["outcome"])
QUESTIONS = Counter("knowledge_questions_total", "Questions answered", ["outcome"])
INDEXED = Counter("knowledge_indexed_total", "Documents that left the indexer", ["outcome"])
INDEX_SECONDS = Histogram("knowledge_index_seconds", "Time that it took to index a document")
PENDING = Gauge("knowledge_pending_documents", "Documents that wait to be indexed")
NODE_SECONDS = Histogram("dataflow_node_seconds", "Time that a generated node took", ["node"])
NODE_ERRORS = Counter("dataflow_node_errors_total", "Generated nodes that failed", ["node"])
NODES = Gauge("dataflow_nodes", "Nodes that DataFlow generated")
WEBSOCKETS = Gauge("mcp_websockets", "WebSocket connections that are open")
WEBSOCKETS_CLOSED = Counter("mcp_websockets_closed_total", "WebSocket connections that ended", ["reason"])
CALLS = Counter("mcp_calls_total", "Messages that were handled over WebSocket", ["outcome"])

# What has not happened yet is 0, not nothing: else the first failure would be no increase.
for _counter, _values in (
    (DOCUMENTS, ("stored", "repeated", "refused")),
    (QUESTIONS, ("answered", "nothing found")),
    (INDEXED, ("indexed", "failed", "retried")),
    (WEBSOCKETS_CLOSED, ("client", "restart", "refused", "full")),
    (CALLS, ("answered", "cut")),
):
    for _value in _values:
        _counter.labels(_value)
