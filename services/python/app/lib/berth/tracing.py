"""OpenTelemetry, imported only when a collector is configured: the imports cost about half a second of start time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

#: Library → what its instrumentation is called; the service's requirements have those that it names.
INSTRUMENTORS = {
    "asyncpg": "AsyncPGInstrumentor",
    "celery": "CeleryInstrumentor",
    "httpx": "HTTPXClientInstrumentor",
    "psycopg": "PsycopgInstrumentor",
    "pymongo": "PymongoInstrumentor",
}
_on = False


def setup(endpoint: str, service: str, version: str, environment: str, libraries: Sequence[str]) -> None:
    """In this process, and not in what it forks: the exporter is a thread. Nothing where `endpoint` is empty; its value
    is read by the exporter itself (OTEL_EXPORTER_OTLP_ENDPOINT)."""
    global _on
    if not endpoint:
        return
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create(
        {"service.name": service, "service.version": version, "deployment.environment.name": environment}
    )
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    for library in libraries:
        module = import_module(f"opentelemetry.instrumentation.{library}")
        getattr(module, INSTRUMENTORS[library])().instrument()
    _on = True


def instrument(app: Any) -> None:
    """The requests of a FastAPI application, but for the platform's own questions."""
    if not _on:
        return
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    FastAPIInstrumentor.instrument_app(app, excluded_urls="/health,/ready,/metrics", exclude_spans=["receive", "send"])


def inside(app: ASGIApp) -> ASGIApp:
    """An application in one that is traced. Else FastAPI traces it once more: beside that, and not below it."""

    async def traced_already(scope: Scope, receive: Receive, send: Send) -> None:
        scope["fastapi.telemetry"] = None
        await app(scope, receive, send)

    return traced_already


def unseen() -> AbstractContextManager[None]:
    """What is done within is in no trace: what the platform asks again and again would push those of requests out."""
    if not _on:
        return nullcontext()
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    return suppress_instrumentation()


def seen(what: str) -> AbstractContextManager[object]:
    """What is done within is one trace, or a part of that which it is in: work that no request waits for."""
    if not _on:
        return nullcontext()
    from opentelemetry import trace

    return trace.get_tracer(__name__).start_as_current_span(what)


def current_trace_id(traceparent: str | None = None) -> str | None:
    """The active trace's id; without a collector, the caller's, so that logs still join up."""
    if _on:
        from opentelemetry import trace

        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            return f"{context.trace_id:032x}"
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else None
