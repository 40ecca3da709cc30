"""What SampleMind counts, beside what every service does (berth/observe.py). All is of bounded labels."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

UPLOADS = Counter("samplemind_uploads_total", "Uploads by what became of them", ["outcome"])
UPLOAD_BYTES = Counter("samplemind_upload_bytes_total", "Bytes of the uploads that were stored")
UPLOADING = Gauge("samplemind_uploads_in_progress", "Uploads under way", multiprocess_mode="livesum")
LOGINS = Counter("samplemind_logins_total", "Log-ins", ["outcome"])
JOBS_QUEUED = Counter("samplemind_jobs_queued_total", "Jobs handed to the queue", ["outcome"])

ANALYSES = Counter("samplemind_analyses_total", "Analyses that left the worker", ["outcome"])
ANALYSIS_SECONDS = Histogram(
    "samplemind_analysis_seconds",
    "Time that an analysis took",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
SOUND_SECONDS = Counter("samplemind_sound_seconds_total", "Seconds of sound that were analysed")
REQUEUED = Counter("samplemind_requeued_total", "Samples whose jobs were lost and sent again")
QUEUE_LENGTH = Gauge("samplemind_queue_length", "Jobs waiting in the queue", multiprocess_mode="livemostrecent")
RELEASE = Gauge("samplemind_release_info", "What runs here", ["version"], multiprocess_mode="livemax")

# What has not happened yet is 0, not nothing: else the first failure would be no increase.
for _counter, _values in (
    (UPLOADS, ("stored", "repeated", "refused", "broken off")),
    (LOGINS, ("accepted", "refused", "limited")),
    (JOBS_QUEUED, ("sent", "deferred")),
    (ANALYSES, ("ready", "failed", "skipped", "retried", "timed out")),
):
    for _value in _values:
        _counter.labels(_value)
