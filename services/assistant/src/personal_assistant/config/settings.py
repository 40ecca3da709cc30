"""The configuration of each role (berth/settings.py)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from berth.settings import ConfigError, Reader

__all__ = ["ConfigError", "Settings", "load"]

DEFAULT_PORTS = {"api": 8000, "agent": 8001, "worker": 8002, "sms-router": 8003}

#: What each role cannot work without. Everything else is an optional feature.
REQUIRED: dict[str, tuple[str, ...]] = {
    "api": (
        "DATABASE_URL_FILE",
        "REDIS_URL_FILE",
        "JWT_KEYS_FILE",
        "MFA_KEYS_FILE",
        "INTERNAL_TOKEN_FILE",
        "AGENT_URL",
    ),
    "agent": ("DATABASE_URL_FILE", "REDIS_URL_FILE", "INTERNAL_TOKEN_FILE"),
    "worker": ("DATABASE_URL_FILE", "REDIS_URL_FILE"),
    "sms-router": ("DATABASE_URL_FILE", "INTERNAL_TOKEN_FILE", "AGENT_URL"),
    "migrate": ("DATABASE_URL_FILE",),
    "seed": ("DATABASE_URL_FILE", "SEED_PASSWORD_FILE"),
    "grant": ("DATABASE_URL_FILE",),
    "reset-mfa": ("DATABASE_URL_FILE",),
}

SMS_FIX = (
    "pulumi config set --secret berth:twilioAuthToken <token> && "
    """pulumi config set --secret berth:twilioUserNumbers '{"+15551234567":"user@example.com"}' && pulumi up"""
)
SMS_OUT_FIX = f"{SMS_FIX}; also berth:twilioAccountSid and TWILIO_FROM_NUMBER"
LLM_FIX = "pulumi config set --secret berth:llmApiKey <key> && pulumi up"

MINIMUM_KEY_LENGTH = 32  # RFC 7518 3.2: an HS256 key has at least 256 bits; the keys of the second factor as well


@dataclass(frozen=True, eq=False)  # hashed by identity: there is one per process
class Settings:
    role: str
    app_env: str
    version: str
    log_level: str
    debug: bool
    port: int
    reload: bool
    debug_port: int | None
    agent_url: str
    public_url: str
    db_pool_size: int
    db_pool_timeout: float
    db_statement_timeout: float
    max_waiting_requests: int
    allow_destructive: tuple[str, ...]
    schema_revision: str
    jwt_access_ttl: int
    jwt_refresh_ttl: int
    rate_limit_per_minute: int
    mfa_totp_issuer: str
    worker_concurrency: int
    worker_task_time_limit: int
    shutdown_grace_seconds: int
    otel_endpoint: str
    otel_service_name: str
    llm_base_url: str
    llm_model: str
    twilio_from_number: str
    twilio_api_url: str
    # Secrets stay out of repr(), so that no log line or traceback can show one.
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    jwt_keys: tuple[str, ...] = field(repr=False)
    mfa_keys: tuple[str, ...] = field(repr=False)
    internal_tokens: tuple[str, ...] = field(repr=False)
    twilio_account_sid: str = field(repr=False)
    twilio_auth_token: str = field(repr=False)
    twilio_user_numbers: Mapping[str, str] = field(repr=False)
    llm_api_key: str = field(repr=False)
    seed_password: str = field(repr=False)

    @property
    def sms_in(self) -> bool:
        return bool(self.twilio_auth_token and self.twilio_user_numbers and self.public_url)

    @property
    def sms_out(self) -> bool:
        return bool(
            self.twilio_account_sid and self.twilio_auth_token and self.twilio_from_number and self.twilio_user_numbers
        )

    def number_of(self, email: str) -> str | None:
        """The phone number of a user, if the configuration knows one."""
        numbers = {owner: number for number, owner in self.twilio_user_numbers.items()}
        return numbers.get(email)

    def features_off(self) -> dict[str, str]:
        """The optional features of this role that are off, each with what turns it on."""
        off: dict[str, str] = {}
        if self.role == "sms-router" and not self.sms_in:
            off["sms"] = SMS_FIX
        if self.role == "worker" and not self.sms_out:
            off["sms reminders"] = SMS_OUT_FIX
        if self.role == "api" and not self.sms_out:
            off["sms codes"] = SMS_OUT_FIX
        if self.role == "agent" and not self.llm_api_key:
            off["llm"] = LLM_FIX
        if self.role in DEFAULT_PORTS and not self.otel_endpoint:
            off["tracing"] = "set OTEL_EXPORTER_OTLP_ENDPOINT"
        return off


def load(role: str, env: Mapping[str, str] = os.environ) -> Settings:
    """Raises ConfigError with every problem at once."""
    read = Reader(env)
    problems, text, number, flag, choice, url, secret = (
        read.problems,
        read.text,
        read.number,
        read.flag,
        read.choice,
        read.url,
        read.secret,
    )
    read.require(role, REQUIRED[role])

    issuer = text("MFA_TOTP_ISSUER", "assistant")
    if ":" in issuer:
        problems.append(
            f"MFA_TOTP_ISSUER: got {issuer!r}, needs a name without a colon, which ends it in authenticators"
        )

    sender = text("TWILIO_FROM_NUMBER")
    # A number in full, a short code, or a name of at most eleven characters: anything else Twilio refuses, one by one.
    if sender and not re.fullmatch(r"\+[1-9]\d{6,14}|\d{3,6}|(?=.*[A-Za-z])[A-Za-z0-9 +&_-]{1,11}", sender):
        problems.append(
            f"TWILIO_FROM_NUMBER: got {sender!r}, needs a number with its plus and country, such as +15551234567"
        )

    numbers: dict[str, str] = {}
    raw_numbers = secret("TWILIO_USER_NUMBERS_FILE")
    if raw_numbers:
        try:
            parsed = json.loads(raw_numbers)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict) or not all(
            re.fullmatch(r"\+\d{6,15}", number) and isinstance(email, str) for number, email in parsed.items()
        ):
            problems.append(
                'TWILIO_USER_NUMBERS_FILE: needs a JSON object such as {"+15551234567": "user@example.com"}'
            )
        else:
            numbers = {number: email.strip().lower() for number, email in parsed.items()}

    settings = Settings(
        role=role,
        app_env=choice("APP_ENV", "dev", ("dev", "stage", "prod")),
        version=text("APP_VERSION", "0.0.0"),
        log_level=choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
        debug=flag("DEBUG"),
        port=number("PORT", DEFAULT_PORTS.get(role, 8000), 1, 65535),
        reload=flag("RELOAD"),
        debug_port=number("DEBUG_PORT", 0, 1, 65535) if text("DEBUG_PORT") else None,
        agent_url=url("AGENT_URL", text("AGENT_URL"), ("http", "https")),
        public_url=url("PUBLIC_URL", text("PUBLIC_URL"), ("http", "https")),
        db_pool_size=number("DB_POOL_SIZE", 5, 1, 200),
        db_pool_timeout=number("DB_POOL_TIMEOUT", 20, 1, 60),
        db_statement_timeout=number("DB_STATEMENT_TIMEOUT", 10, 1, 600),
        max_waiting_requests=number("MAX_WAITING_REQUESTS", 400, 1, 100_000),
        allow_destructive=tuple(re.findall(r"\w+", text("ALLOW_DESTRUCTIVE"))),
        schema_revision=text("SCHEMA_REVISION", "head"),
        jwt_access_ttl=number("JWT_ACCESS_TTL", 900, 10, 86_400),
        jwt_refresh_ttl=number("JWT_REFRESH_TTL", 1_209_600, 60, 31_536_000),
        rate_limit_per_minute=number("RATE_LIMIT_PER_MINUTE", 600, 0, 1_000_000),
        mfa_totp_issuer=issuer,
        worker_concurrency=number("WORKER_CONCURRENCY", 2, 1, 64),
        worker_task_time_limit=number("WORKER_TASK_TIME_LIMIT", 300, 5, 86_400),
        shutdown_grace_seconds=number("SHUTDOWN_GRACE_SECONDS", 30, 1, 3600),
        otel_endpoint=url("OTEL_EXPORTER_OTLP_ENDPOINT", text("OTEL_EXPORTER_OTLP_ENDPOINT"), ("http", "https")),
        otel_service_name=text("OTEL_SERVICE_NAME", f"assistant-{role}"),
        llm_base_url=url("LLM_BASE_URL", text("LLM_BASE_URL", "https://api.openai.com/v1"), ("http", "https")),
        llm_model=text("LLM_MODEL", "gpt-4o-mini"),
        twilio_from_number=sender,
        twilio_api_url=url("TWILIO_API_URL", text("TWILIO_API_URL", "https://api.twilio.com"), ("http", "https")),
        database_url=url("DATABASE_URL_FILE", secret("DATABASE_URL_FILE"), ("postgresql", "postgres"), secret=True),
        redis_url=url("REDIS_URL_FILE", secret("REDIS_URL_FILE"), ("redis", "rediss"), secret=True),
        jwt_keys=read.keys("JWT_KEYS_FILE", MINIMUM_KEY_LENGTH),
        mfa_keys=read.keys("MFA_KEYS_FILE", MINIMUM_KEY_LENGTH),
        internal_tokens=tuple(line.strip() for line in secret("INTERNAL_TOKEN_FILE").splitlines() if line.strip()),
        twilio_account_sid=secret("TWILIO_ACCOUNT_SID_FILE"),
        twilio_auth_token=secret("TWILIO_AUTH_TOKEN_FILE"),
        twilio_user_numbers=numbers,
        llm_api_key=secret("LLM_API_KEY_FILE"),
        seed_password=secret("SEED_PASSWORD_FILE"),
    )
    read.done()
    return settings
