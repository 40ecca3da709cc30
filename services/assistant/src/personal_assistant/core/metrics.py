"""Prometheus metrics. Rate, errors and duration are labelled by route template, never by path: series are bounded."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest

from berth.network import Network

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

REQUESTS = Counter("http_requests_total", "Requests answered", ["method", "route", "status"])
DURATION = Histogram("http_request_duration_seconds", "Time to answer", ["method", "route"], buckets=_BUCKETS)
IN_PROGRESS = Gauge("http_requests_in_progress", "Requests being answered")

DEPENDENCY_UP = Gauge("dependency_up", "1 if the dependency answered last time", ["dependency"])
POOL = Gauge("db_pool_connections", "Database connections by state", ["state"])
POOL_WAITING = Gauge("db_pool_waiting_requests", "Requests waiting for a database connection")
DATABASE_OUTAGES = Counter("db_outages_total", "Times the database stopped answering")

RATE_LIMITED = Counter("rate_limited_requests_total", "Requests refused by the rate limit")
RATE_LIMIT_UNAVAILABLE = Counter(
    "rate_limit_unavailable_total", "Requests let through uncounted because Redis did not answer"
)

EVENTS_STORED = Counter("assistant_events_total", "Event executions", ["outcome"])
MESSAGES = Counter("assistant_messages_total", "Messages answered by the agent", ["channel", "action", "planner"])
TASKS_CREATED = Counter("assistant_tasks_created_total", "Tasks created through the API")
LOGINS = Counter("assistant_logins_total", "Login attempts", ["outcome"])
MFA_CODES = Counter("assistant_mfa_codes_total", "Codes of a second factor", ["method", "outcome"])
JOBS_QUEUED = Counter("assistant_jobs_queued_total", "Jobs handed to the queue", ["kind", "outcome"])
SMS_RECEIVED = Counter("assistant_sms_received_total", "SMS webhooks", ["outcome"])

QUEUE_LENGTH = Gauge("assistant_queue_length", "Jobs waiting in the queue")
JOB_RUNTIME = Histogram(
    "assistant_job_runtime_seconds", "Run time of a job in the worker", buckets=(*_BUCKETS, 120, 300)
)
JOBS_FINISHED = Counter("assistant_jobs_finished_total", "Jobs that left the worker", ["outcome"])
REMINDERS_DUE = Counter("assistant_reminders_due_total", "Reminders that came due", ["outcome"])

# What has not happened yet is 0, not nothing: else the first failure would be no increase.
for _counter, _values in (
    (EVENTS_STORED, ("stored", "repeated")),
    (LOGINS, ("accepted", "refused", "challenged")),
    (SMS_RECEIVED, ("answered", "unknown number", "bad signature", "off")),
    (REMINDERS_DUE, ("due", "sent", "failed")),
    (JOBS_FINISHED, ("done", "failed", "skipped", "retried", "timed out")),
):
    for _value in _values:
        _counter.labels(_value)
for _method in ("totp", "sms", "backup"):
    for _outcome in ("accepted", "refused"):
        MFA_CODES.labels(_method, _outcome)
for _kind in ("task", "reminder", "summarise"):
    for _outcome in ("sent", "deferred"):
        JOBS_QUEUED.labels(_kind, _outcome)

RELEASE = Gauge("assistant_release_info", "What runs here", ["version"])
SCHEMA = Gauge("assistant_schema_info", "Revision of the database's schema, as the database says", ["revision"])


REGISTRY.register(Network())

__all__ = ["CONTENT_TYPE_LATEST", "generate_latest"]
