"""Structured logs: one JSON object a line on stdout, which is what the log collector parses."""

from __future__ import annotations

import json
import logging
import sys
import time
import uuid
from contextvars import ContextVar

from personal_assistant.config.settings import Settings

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
trace_id: ContextVar[str | None] = ContextVar("trace_id", default=None)
user_id: ContextVar[str | None] = ContextVar("user_id", default=None)

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def new_request_id() -> str:
    return uuid.uuid4().hex


class JsonFormatter(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        millis = int(record.msecs)
        entry: dict[str, object] = {
            "ts": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{millis:03d}Z",
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "msg": record.getMessage(),
        }
        for key, variable in (("request_id", request_id), ("trace_id", trace_id), ("user_id", user_id)):
            value = variable.get()
            if value:
                entry[key] = value
        # Libraries put whole objects into `extra` (celery: its task arguments); only plain values are ours.
        for key, value in vars(record).items():
            if key not in _PLAIN and isinstance(value, (str, int, float, bool)):
                entry[key] = value
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def setup(settings: Settings) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(settings.otel_service_name))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    logging.captureWarnings(True)
    # These narrate every request or every retry; our own lines say the same once.
    for noisy in (
        "celery.app.trace",
        "celery.worker.strategy",
        "httpx",
        "httpcore",
        "psycopg.pool",
        "kombu",
        "uvicorn.access",
        "py.warnings",
        "watchfiles.main",
    ):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    for quiet in ("uvicorn.error", "alembic.runtime.plugins", "alembic.runtime.migration"):
        logging.getLogger(quiet).setLevel(max(logging.WARNING, root.level))


def announce(settings: Settings) -> None:
    log = logging.getLogger("assistant")
    log.info(
        "starting %s",
        settings.role,
        extra={"version": settings.version, "environment": settings.app_env, "port": settings.port},
    )
    for feature, fix in settings.features_off().items():
        log.info("%s is off", feature, extra={"feature": feature, "fix": fix})
