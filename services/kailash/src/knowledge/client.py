"""What the channels (api, mcp, nexus) ask the service `dataflow`: an answer, or DataFlowAway soon."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx

from berth import request_id
from berth.overload import step_aside
from berth.problems import Problem
from berth.remote import Remote

WAIT = 2.0  # seconds for a connection
SLOW = 15.0  # seconds for an answer
PATIENCE = 8.0  # seconds of trying again: a replacement takes less, and answers at once that it is not there
AGAIN = frozenset((502, 503, 504))


class DataFlowAway(Exception):
    """It does not answer, or says that it cannot."""


class Knowledge(Remote):
    """Everything it asks may be asked twice: a document has its id from the caller."""

    name = "dataflow"
    away = (DataFlowAway,)

    def __init__(self, url: str, token: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = httpx.AsyncClient(
            base_url=url,
            timeout=httpx.Timeout(SLOW, connect=WAIT, pool=WAIT),
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            transport=transport,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def check(self) -> None:
        """Whether it is ready, with the stores that it needs."""
        with self.told():
            await self._send("GET", "/ready?scope=data", None, 0)

    async def store(self, id: str, title: str, text: str) -> dict[str, Any]:
        return dict(await self._ask("POST", "/v1/documents", {"id": id, "title": title, "text": text}))

    async def documents(self, limit: int, before: str) -> dict[str, Any]:
        return dict(await self._ask("GET", f"/v1/documents?limit={limit}&before={before}"))

    async def document(self, id: str) -> dict[str, Any]:
        return dict(await self._ask("GET", f"/v1/documents/{id}"))

    async def answer(self, question: str) -> dict[str, Any]:
        return dict(await self._ask("POST", "/v1/questions", {"question": question}))

    async def nodes(self) -> dict[str, Any]:
        return dict(await self._ask("GET", "/v1/nodes"))

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        step_aside()  # from here on the request waits for another service
        answer = await self._send(method, path, body, PATIENCE)
        if answer.is_error:
            error = answer.json()["error"]
            raise Problem(answer.status_code, error["code"], error["message"])
        return answer.json()

    async def _send(self, method: str, path: str, body: object, patience: float) -> httpx.Response:
        deadline = time.monotonic() + patience
        while True:
            began = time.monotonic()
            try:
                answer = await self._client.request(method, path, json=body, headers=request_id.headers())
                reason = f"{path} answers {answer.status_code}"
                if answer.status_code not in AGAIN:
                    return answer
            except httpx.HTTPError as error:
                reason = str(error) or type(error).__name__
            # Another attempt that takes as long must still be in time.
            now = time.monotonic()
            if now + (now - began) > deadline:
                raise DataFlowAway(reason)
            await asyncio.sleep(0.25)
