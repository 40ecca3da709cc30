"""The configuration of each role: environment for what is not secret, files for what is (berth/settings.py)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from berth import tracing
from berth.settings import ConfigError, Reader

__all__ = ["ConfigError", "Settings", "User", "load"]

#: What each role cannot work without. Everything else has a default, or is an optional feature.
REQUIRED: dict[str, tuple[str, ...]] = {
    "backend": ("MONGO_URL_FILE", "REDIS_URL_FILE", "CHROMA_URL", "SESSION_SECRET_FILE", "USERS_FILE"),
    "worker": ("MONGO_URL_FILE", "REDIS_URL_FILE", "CHROMA_URL"),
    "beat": ("MONGO_URL_FILE", "REDIS_URL_FILE"),
    "flower": ("MONGO_URL_FILE", "REDIS_URL_FILE", "FLOWER_BASIC_AUTH_FILE"),
}
PORTS = {"backend": 8000, "worker": 8001, "beat": 8001, "flower": 5555}

DESCRIPTIONS_FIX = "pulumi config set --secret berth:aiProviderKey <key> && pulumi up"
MINIMUM_KEY_LENGTH = 32  # RFC 7518 3.2: an HS256 key has at least 256 bits


@dataclass(frozen=True)
class User:
    """One of `password_hash` (Argon2) and `password` is there."""

    email: str
    password_hash: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, eq=False)  # hashed by identity: there is one per process
class Settings:
    role: str
    version: str
    environment: str
    log_level: str
    otel_endpoint: str
    otel_service_name: str
    port: int
    reload: bool
    mongo_database: str
    chroma_url: str
    samples_dir: Path
    max_upload: int  # bytes
    upload_timeout: int  # seconds without a byte
    session_ttl: int
    cookie_secure: bool
    logins_per_minute: int
    wait_for_stores: int  # seconds at the start of a Celery service
    analysis_longest: int  # seconds of sound
    analysis_memory: int  # bytes of a child
    statistics_every: int
    requeue_after: int
    concurrency: int
    prefetch_multiplier: int
    autoscale: tuple[int, int] | None  # most, least
    task_time_limit: int
    task_soft_time_limit: int
    max_tasks_per_child: int
    result_expires: int
    ai_url: str
    ai_model: str
    ai_timeout: int
    # Secrets stay out of repr(), so that no log line or traceback can show one.
    mongo_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    session_keys: tuple[str, ...] = field(repr=False)
    users: tuple[User, ...] = field(repr=False)
    ai_key: str = field(repr=False)
    flower_basic_auth: str = field(repr=False)

    @property
    def descriptions(self) -> bool:
        return bool(self.ai_key)

    def features_off(self) -> dict[str, str]:
        """The optional features that are off, each with what turns it on."""
        off = {} if self.descriptions else {"descriptions": DESCRIPTIONS_FIX}
        return off if self.otel_endpoint else off | {"tracing": "set OTEL_EXPORTER_OTLP_ENDPOINT"}

    def trace(self, *libraries: str) -> None:
        """Sends traces from this process from now on, where there is somebody who takes them."""
        tracing.setup(self.otel_endpoint, self.otel_service_name, self.version, self.environment, libraries)


def load(role: str, env: Mapping[str, str] = os.environ) -> Settings:
    """Raises ConfigError with every problem at once."""
    read = Reader(env)
    text, number, url, secret = read.text, read.number, read.url, read.secret
    read.require(role, REQUIRED[role])
    limit = number("CELERY_TASK_TIME_LIMIT", 300, 10, 86_400)
    soft = number("CELERY_TASK_SOFT_TIME_LIMIT", min(240, limit - 1), 5, 86_400)
    if soft >= limit:
        read.problems.append(
            f"CELERY_TASK_SOFT_TIME_LIMIT: got {soft}, needs less than CELERY_TASK_TIME_LIMIT ({limit})"
        )
    flower = secret("FLOWER_BASIC_AUTH_FILE")
    if flower and not all(flower.partition(":")):
        read.problems.append("FLOWER_BASIC_AUTH_FILE: needs user:password")
    settings = Settings(
        role=role,
        version=text("APP_VERSION", "0.0.0"),
        environment=text("APP_ENV", "dev"),
        otel_endpoint=url("OTEL_EXPORTER_OTLP_ENDPOINT", text("OTEL_EXPORTER_OTLP_ENDPOINT"), ("http", "https")),
        otel_service_name=text("OTEL_SERVICE_NAME", f"samplemind-{role}"),
        log_level=read.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
        port=number("PORT", PORTS[role], 1, 65535),
        reload=read.flag("RELOAD"),
        mongo_database=text("MONGO_DATABASE", "samplemind"),
        chroma_url=url("CHROMA_URL", text("CHROMA_URL"), ("http", "https")),
        samples_dir=Path(text("SAMPLES_DIR", "/var/lib/samplemind/samples")),
        max_upload=number("MAX_UPLOAD_MB", 100, 1, 10_000) * 1_000_000,
        upload_timeout=number("UPLOAD_TIMEOUT", 30, 1, 3600),
        session_ttl=number("SESSION_TTL", 43_200, 60, 31_536_000),
        cookie_secure=read.flag("COOKIE_SECURE"),
        logins_per_minute=number("LOGINS_PER_MINUTE", 10, 1, 100_000),
        wait_for_stores=number("WAIT_FOR_STORES", 120, 1, 3600),
        analysis_longest=number("ANALYSIS_MAX_SECONDS", 1800, 1, 36_000),
        analysis_memory=number("ANALYSIS_MEMORY_MB", 512, 256, 65_536) * 1_000_000,
        statistics_every=number("STATISTICS_EVERY", 300, 5, 86_400),
        requeue_after=number("REQUEUE_AFTER", 60, 5, 86_400),
        concurrency=number("CELERY_CONCURRENCY", 2, 1, 64),
        prefetch_multiplier=number("CELERY_PREFETCH_MULTIPLIER", 1, 1, 100),
        autoscale=_autoscale(read),
        task_time_limit=limit,
        task_soft_time_limit=soft,
        max_tasks_per_child=number("CELERY_MAX_TASKS_PER_CHILD", 200, 1, 1_000_000),
        result_expires=number("CELERY_RESULT_EXPIRES", 0, 0, 31_536_000),
        ai_url=url("AI_PROVIDER_URL", text("AI_PROVIDER_URL", "https://api.openai.com/v1"), ("http", "https")),
        ai_model=text("AI_PROVIDER_MODEL", "gpt-4o-mini"),
        ai_timeout=number("AI_PROVIDER_TIMEOUT", 20, 1, 300),
        mongo_url=url("MONGO_URL_FILE", secret("MONGO_URL_FILE"), ("mongodb",), secret=True),
        redis_url=url("REDIS_URL_FILE", secret("REDIS_URL_FILE"), ("redis", "rediss"), secret=True),
        session_keys=read.keys("SESSION_SECRET_FILE", MINIMUM_KEY_LENGTH),
        users=_users(read),
        ai_key=secret("AI_PROVIDER_KEY_FILE"),
        flower_basic_auth=flower,
    )
    read.done()
    return settings


def _autoscale(read: Reader) -> tuple[int, int] | None:
    """Only where both bounds are set: Celery's autoscale overrides the concurrency (C-24)."""
    names = ("CELERY_AUTOSCALE_MIN", "CELERY_AUTOSCALE_MAX")
    given = [name for name in names if read.text(name)]
    if not given:
        return None
    if len(given) == 1:
        missing = next(name for name in names if name not in given)
        read.problems.append(f"{missing}: is missing; {given[0]} is set, and the workers scale only between both")
        return None
    least, most = (read.number(name, 1, 1, 64) for name in names)
    if least > most:
        read.problems.append(f"CELERY_AUTOSCALE_MIN: got {least}, needs at most CELERY_AUTOSCALE_MAX ({most})")
    return most, least


def _users(read: Reader) -> tuple[User, ...]:
    content = read.secret("USERS_FILE")
    if not content:
        return ()
    shape = 'USERS_FILE: needs a JSON list of {"email", "password"} or {"email", "password_hash"}'
    try:
        entries = json.loads(content)
        users = tuple(User(**entry) for entry in entries)
    except (ValueError, TypeError):
        read.problems.append(shape)
        return ()
    for user in users:
        if not all(isinstance(value, str) for value in vars(user).values()) or "@" not in user.email:
            read.problems.append(f"{shape}; an e-mail has an @, and all are texts")
        elif bool(user.password) == bool(user.password_hash):
            read.problems.append(f"USERS_FILE: {user.email} needs one of password and password_hash")
        elif user.password_hash and not user.password_hash.startswith("$argon2"):
            read.problems.append(f"USERS_FILE: password_hash of {user.email} is no Argon2 hash")
    if not users:
        read.problems.append("USERS_FILE: the list is empty, so nobody could log in")
    if len({user.email.lower() for user in users if isinstance(user.email, str)}) < len(users):
        read.problems.append("USERS_FILE: an e-mail is there twice")
    return users
