"""One collection of vectors in ChromaDB, by its HTTP interface (/api/v2): an answer, or ChromaAway soon.

By hand, because its own client brings 30 packages for the seven requests below. Programs beside the applications have
all of a Chroma, and no httpx (chroma_admin.py)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import httpx

from berth.chroma_admin import DATABASE, TENANTS
from berth.remote import Remote

WAIT = 2.0  # seconds for a connection
SLOW = 5.0  # seconds for an answer
COLLECTIONS = f"{TENANTS}/{DATABASE}/collections"


class ChromaAway(Exception):
    """It does not answer, or says that it cannot."""


class Chroma(Remote):
    name = "chroma"
    away = (ChromaAway,)

    def __init__(self, collection: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._collection = collection
        self._id: str | None = None
        url = os.environ["CHROMA_URL"]
        self._client = httpx.AsyncClient(
            base_url=url,
            trust_env=False,
            transport=transport,
            # Authorities take 20 ms to load, in each job.
            verify=url.startswith("https:"),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def check(self) -> None:
        with self.told():
            content("heartbeat", await self._send("GET", "/api/v2/heartbeat", seconds=WAIT))

    async def upsert(self, ids: Sequence[str], vectors: Sequence[Sequence[float]]) -> None:
        await self._ask("upsert", {"ids": list(ids), "embeddings": [list(vector) for vector in vectors]})

    async def near(self, vector: Sequence[float], most: int) -> list[tuple[str, float]]:
        """Ids and squared distances, the nearest first."""
        answer = await self._ask(
            "query", {"query_embeddings": [list(vector)], "n_results": most, "include": ["distances"]}
        )
        return list(zip(answer["ids"][0], answer["distances"][0], strict=True))

    async def delete(self, ids: Sequence[str]) -> None:
        if ids:
            await self._ask("delete", {"ids": list(ids)})

    async def page(self, offset: int, limit: int) -> list[str]:
        """Ids, in an order that stays while nothing is written."""
        answer = await self._ask("get", {"limit": limit, "offset": offset, "include": []})
        return list(answer["ids"])

    async def _ask(self, verb: str, body: dict[str, Any]) -> Any:
        for again in (True, False):
            if self._id is None:
                made = await self._send("POST", COLLECTIONS, {"name": self._collection, "get_or_create": True})
                self._id = content("collections", made)["id"]
            answer = await self._send("POST", f"{COLLECTIONS}/{self._id}/{verb}", body)
            if answer.status_code != 404 or not again:
                break
            self._id = None  # restored from a backup, the collection has another id
        return content(verb, answer)

    async def _send(self, method: str, path: str, body: object = None, seconds: float = SLOW) -> httpx.Response:
        try:
            return await self._client.request(
                method, path, json=body, timeout=httpx.Timeout(seconds, connect=WAIT, pool=WAIT)
            )
        except httpx.HTTPError as error:
            raise ChromaAway(str(error) or type(error).__name__) from error


def content(what: str, answer: httpx.Response) -> Any:
    if answer.is_error:
        raise ChromaAway(f"{what}: {answer.status_code} {answer.text[:200]}")
    try:
        return answer.json() if answer.content else {}
    except ValueError as error:
        raise ChromaAway(f"{what}: the answer is no JSON") from error
