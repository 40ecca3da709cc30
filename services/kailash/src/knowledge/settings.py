"""The configuration of each service: environment for what is not secret, files for what is (berth/settings.py)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from berth.settings import ConfigError, Reader

__all__ = ["ConfigError", "Settings", "load"]

#: Services that `python -m berth` serves, and the module of each.
SERVICES = {
    "api": "knowledge.api",
    "mcp": "knowledge.mcp",
    "nexus": "knowledge.channels",
    "dataflow": "knowledge.data",
}
#: What each role cannot work without. Everything else has a default, or is an optional feature.
REQUIRED: dict[str, tuple[str, ...]] = {
    "api": ("API_TOKENS_FILE", "DATAFLOW_URL"),
    "mcp": ("API_TOKENS_FILE", "DATAFLOW_URL"),
    "nexus": ("API_TOKENS_FILE", "DATAFLOW_URL", "REDIS_URL_FILE"),
    "dataflow": ("API_TOKENS_FILE", "DATABASE_URL_FILE", "NEO4J_URL", "NEO4J_AUTH_FILE"),
    "migrate": ("DATABASE_URL_FILE", "NEO4J_URL", "NEO4J_AUTH_FILE"),
}
MINIMUM_TOKEN_LENGTH = 24
EMBEDDINGS_FIX = "pulumi config set --secret berth:embeddingsKey <key> && pulumi up"


@dataclass(frozen=True, eq=False)  # hashed by identity: there is one per process
class Settings:
    role: str
    version: str
    environment: str
    otel_endpoint: str
    otel_service_name: str
    dataflow_url: str
    neo4j_url: str
    #: Of the MCP channel's WebSocket.
    websocket_port: int
    websocket_connections: int
    #: Seconds that calls under way get when the service stops.
    drain: int
    mcp_allowed_hosts: tuple[str, ...]
    session_ttl: int
    node_cache: Path | None
    seed: bool
    #: Of a debugger, in development; none, where nobody may attach.
    debug_port: int | None
    #: Connections of DataFlow's nodes; those of DB_POOL_SIZE are besides (berth/postgres.py).
    node_pool_size: int
    indexers: int
    embeddings_url: str
    embeddings_model: str
    # Secrets stay out of repr(), so that no log line or traceback can show one.
    #: Who may call. Our own services call with the first.
    tokens: tuple[str, ...] = field(repr=False)
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    neo4j_auth: tuple[str, str] = field(repr=False)
    embeddings_key: str = field(repr=False)

    def features_off(self) -> dict[str, str]:
        """The optional features that are off, each with what turns it on."""
        off = {} if self.embeddings_key else {"embeddings of a provider": EMBEDDINGS_FIX}
        return off if self.otel_endpoint else off | {"tracing": "set OTEL_EXPORTER_OTLP_ENDPOINT"}


def load(role: str, env: Mapping[str, str] = os.environ) -> Settings:
    """Raises ConfigError with every problem at once."""
    if role not in REQUIRED:
        raise ConfigError([f"SERVICE: got {role!r}, needs one of {', '.join(REQUIRED)}"])
    read = Reader(env)
    text, number, url, secret = read.text, read.number, read.url, read.secret
    read.require(role, REQUIRED[role])
    user, colon, password = secret("NEO4J_AUTH_FILE").partition(":")
    if text("NEO4J_AUTH_FILE") and not (user and colon and password):
        read.problems.append("NEO4J_AUTH_FILE: needs user:password")
    cache = text("NODE_CACHE_DIR")
    settings = Settings(
        role=role,
        version=text("APP_VERSION", "0.0.0"),
        environment=text("APP_ENV", "dev"),
        otel_endpoint=url("OTEL_EXPORTER_OTLP_ENDPOINT", text("OTEL_EXPORTER_OTLP_ENDPOINT"), ("http", "https")),
        otel_service_name=text("OTEL_SERVICE_NAME", f"kailash-{role}"),
        dataflow_url=url("DATAFLOW_URL", text("DATAFLOW_URL"), ("http", "https")),
        neo4j_url=url("NEO4J_URL", text("NEO4J_URL"), ("bolt", "neo4j", "bolt+s", "neo4j+s")),
        websocket_port=number("WEBSOCKET_PORT", 8005 if role == "nexus" else 8002, 1, 65535),
        websocket_connections=number("WEBSOCKET_CONNECTIONS", 200, 1, 10_000),
        drain=number("DRAIN_SECONDS", 20, 0, 600),
        mcp_allowed_hosts=tuple(text("MCP_ALLOWED_HOSTS", "mcp:*,127.0.0.1:*,localhost:*").replace(" ", "").split(",")),
        session_ttl=number("SESSION_TTL", 604_800, 60, 31_536_000),
        node_cache=Path(cache) if cache else None,
        seed=read.flag("SEED"),
        debug_port=number("DEBUG_PORT", 0, 1, 65535) if text("DEBUG_PORT") else None,
        node_pool_size=number("NODE_POOL_SIZE", 4, 1, 100),
        indexers=number("INDEXERS", 1, 0, 16),
        embeddings_url=url("EMBEDDINGS_URL", text("EMBEDDINGS_URL", "https://api.openai.com/v1"), ("http", "https")),
        embeddings_model=text("EMBEDDINGS_MODEL", "text-embedding-3-small"),
        tokens=read.keys("API_TOKENS_FILE", MINIMUM_TOKEN_LENGTH),
        database_url=url("DATABASE_URL_FILE", secret("DATABASE_URL_FILE"), ("postgresql", "postgres"), secret=True),
        redis_url=url("REDIS_URL_FILE", secret("REDIS_URL_FILE"), ("redis", "rediss"), secret=True),
        neo4j_auth=(user, password),
        embeddings_key=secret("EMBEDDINGS_KEY_FILE"),
    )
    read.done()
    return settings
