"""Traces of this system (berth/tracing.py)."""

from __future__ import annotations

from typing import Any

from berth import tracing
from personal_assistant.config.settings import Settings


def setup(settings: Settings) -> None:
    tracing.setup(
        settings.otel_endpoint,
        settings.otel_service_name,
        settings.version,
        settings.app_env,
        ("celery", "httpx", "psycopg"),
    )


def instrument(app: Any, settings: Settings) -> None:
    tracing.instrument(app)


def current_trace_id(settings: Settings, traceparent: str | None) -> str | None:
    return tracing.current_trace_id(traceparent)
