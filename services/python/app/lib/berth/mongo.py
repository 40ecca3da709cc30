"""MongoDB, or what speaks its protocol, as a request sees it: an answer, or an exception soon."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure, OperationFailure

from berth import observe
from berth.remote import Remote

Document = dict[str, Any]

WAIT = 2.0  # seconds for a connection, and for a server that takes it
SLOW = 10.0  # seconds for an answer


class Mongo(Remote):
    name = "mongo"
    # The second: it answers that it cannot. What it is asked is checked before.
    away = (ConnectionFailure, OperationFailure)

    def __init__(self, database: str) -> None:
        """Reads MONGO_URL_FILE once: a new password is another file, and another container."""
        url = Path(os.environ["MONGO_URL_FILE"]).read_text().strip()
        self._client: AsyncMongoClient[Document] = AsyncMongoClient(
            url,
            maxPoolSize=int(os.environ.get("MONGO_POOL_SIZE", "10")),
            connectTimeoutMS=int(WAIT * 1000),
            serverSelectionTimeoutMS=int(WAIT * 1000),
            # Asked that often how it is, a server that hangs ends what waits for it: within six seconds, not twelve.
            heartbeatFrequencyMS=int(WAIT * 1000),
            waitQueueTimeoutMS=int(WAIT * 1000),
            socketTimeoutMS=int(SLOW * 1000),
            # Not every server has them, and what is written here may be written twice.
            retryWrites=False,
            tz_aware=True,
            appname=observe.service(),
        )
        self.database: AsyncDatabase[Document] = self._client[database]

    async def close(self) -> None:
        await self._client.close()

    async def check(self) -> None:
        with self.told():
            # Not ping, which is answered to whoever has no password, too.
            await self.database["_"].find_one({"_id": ""}, {"_id": 1})
