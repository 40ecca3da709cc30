"""What is wrong in DataFlow at the version of requirements.txt, seen on the PostgreSQL of DATABASE_URL. A test that
fails says that a cure of ours is needed no more: take it out, and the test with it."""

from __future__ import annotations

import asyncio
import os
import secrets
from typing import Any

import pytest
from contract.test_platform import Forwarder
from dataflow import DataFlow
from dataflow.core.schema import FieldType


def url() -> str:
    found = os.environ.get("DATABASE_URL")
    assert found, "DATABASE_URL is missing: postgresql://user:password@host/database"
    return found


def through(forwarder: Forwarder) -> str:
    host = url().rsplit("@", 1)
    return f"{host[0]}@127.0.0.1:{forwarder.port}/{host[1].split('/', 1)[1]}"


def test_health_check_says_healthy_of_a_server_that_is_away() -> None:
    """knowledge.nodes.Nodes.check asks by a node."""
    forwarder = Forwarder(url(), 5432)

    async def whole() -> str:
        db = DataFlow(through(forwarder), pool_size=1, auto_migrate=False, enable_model_persistence=False)
        assert await db.initialize()
        forwarder.cut()
        return str(db.health_check()["status"])

    assert asyncio.run(whole()) == "healthy"


def test_a_vector_is_no_field() -> None:
    """knowledge/migrations/0001: vectors are in a table of their own."""

    async def whole() -> None:
        db: Any = DataFlow(url(), pool_size=1, enable_model_persistence=False)
        name = f"Vec{secrets.token_hex(3)}"
        db.model(type(name, (), {"__annotations__": {"id": str, "embedding": FieldType.Vector(4)}}))
        await db.initialize()
        try:
            await db.express.create(name, {"id": "one", "embedding": [1.0, 0.0, 0.0, 0.0]})
        finally:
            await db.close_async()

    with pytest.raises(Exception, match=r"."):
        asyncio.run(whole())
