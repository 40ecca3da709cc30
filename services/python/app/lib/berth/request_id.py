"""The id of the request that something is done for. It is in every line about it, and goes to whoever is asked, or
handed a job, meanwhile: in the header X-Request-Id of a request, and of a message of Celery."""

from __future__ import annotations

from contextvars import ContextVar

HEADER = "X-Request-Id"

current: ContextVar[str | None] = ContextVar("request_id", default=None)


def headers() -> dict[str, str]:
    """What goes along. Empty where it is no request that something is done for."""
    request = current.get()
    return {HEADER: request} if request else {}
