"""What Chroma says of itself, for Prometheus: it has no metrics of its own."""

import os
import time
from collections.abc import Iterator

from berth.chroma_admin import Chroma

from .exporter import WAIT, Sample


def server(timeout: float = 30) -> Chroma:
    return Chroma(os.environ.get("CHROMA_HOST", "chroma"), timeout=timeout)


def metrics() -> Iterator[Sample]:
    chroma = server(timeout=WAIT)
    try:
        began = time.perf_counter()
        chroma.ask("GET", "/api/v2/heartbeat")
        yield "chroma_answer_seconds", {}, time.perf_counter() - began
        for collection in chroma.collections():
            yield "chroma_records", {"collection": collection["name"]}, chroma.count(collection["id"])
    finally:
        chroma.close()
