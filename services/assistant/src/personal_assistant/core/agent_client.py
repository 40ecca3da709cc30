"""Calls to the agent. Each message carries an id that the agent stores once, so a call may be repeated."""

from __future__ import annotations

from typing import Any

import httpx
from fastapi import HTTPException

from berth.overload import step_aside
from personal_assistant.config.settings import Settings
from personal_assistant.core import logs


class AgentUnavailable(Exception):
    pass


class AgentClient:
    def __init__(self, settings: Settings) -> None:
        self._http = httpx.AsyncClient(
            base_url=settings.agent_url,
            headers={"Authorization": f"Bearer {settings.internal_tokens[0]}"},
            timeout=httpx.Timeout(20, connect=2),
            trust_env=False,  # an internal call never goes through a proxy
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def check(self) -> None:
        response = await self._http.get("/ready", params={"scope": "data"}, timeout=2)
        if response.status_code != 200:
            raise AgentUnavailable(f"the agent answers {response.status_code}")

    async def send(self, *, user_id: str, text: str, channel: str, message_id: str) -> dict[str, Any]:
        body = {"user_id": user_id, "text": text, "channel": channel, "message_id": message_id}
        headers = {"X-Request-Id": logs.request_id.get() or logs.new_request_id()}
        step_aside()
        for last in (False, True):
            try:
                response = await self._http.post("/v1/agent/messages", json=body, headers=headers)
            except httpx.TimeoutException as error:
                raise AgentUnavailable(f"the agent took too long: {type(error).__name__}") from error
            except httpx.TransportError as error:
                if last:
                    raise AgentUnavailable(f"the agent is not reachable: {type(error).__name__}") from error
                continue
            if response.status_code == 200:
                answer: dict[str, Any] = response.json()
                return answer
            if response.status_code in (409, 422):
                # It is the message that is wrong: sent again it would be no better.
                raise HTTPException(response.status_code, str(response.json().get("error")))
            if last or response.status_code not in (502, 503, 504):
                raise AgentUnavailable(f"the agent answers {response.status_code}")
        raise AssertionError("unreachable")
