"""Every operation that SampleMind asks of its database, against the one of MONGO_URL: MongoDB, or FerretDB.

    MONGO_URL=mongodb://user:password@host/ pytest tests/contract

It makes and drops databases named samplemind_contract_*."""

from __future__ import annotations

import asyncio
import os
import secrets
from typing import Any

import pytest
from contract.cases import CASES, Case
from pymongo import AsyncMongoClient

from samplemind.samples import Samples


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_database_does_what_is_asked(case: Case) -> None:
    url = os.environ.get("MONGO_URL")
    assert url, "MONGO_URL is missing: mongodb://user:password@host/"

    async def whole() -> None:
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            url, serverSelectionTimeoutMS=5000, tz_aware=True, retryWrites=False
        )
        name = f"samplemind_contract_{secrets.token_hex(4)}"
        try:
            await case(Samples(client[name]))
        finally:
            await client.drop_database(name)
            await client.close()

    asyncio.run(whole())
