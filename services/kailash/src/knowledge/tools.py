"""What the platform does for whoever calls it as a tool: the same in MCP and in Nexus."""

from __future__ import annotations

import uuid
from typing import Any

from berth.problems import Problem
from berth.storable import unstorable
from knowledge.api import KEY, QUESTION, TEXT, TITLE
from knowledge.client import Knowledge

ASK = "Answers a question with passages of the documents, and with what the graph knows beside what they name."
ADD = "Takes in a document: title and text. With a key, the same document twice is one."
FIND = "The newest documents: id, title, and whether they can be found yet."


class Tools:
    def __init__(self, knowledge: Knowledge, namespace: str) -> None:
        self._knowledge, self._namespace = knowledge, namespace

    async def ask(self, question: str) -> dict[str, Any]:
        _within("question", question, QUESTION)
        return await self._knowledge.answer(question)

    async def add(self, title: str, text: str, key: str = "") -> dict[str, Any]:
        _within("title", title, TITLE)
        _within("text", text, TEXT)
        if key and not KEY.fullmatch(key):
            raise Problem(422, "bad_key", "key needs 8 to 128 letters, digits, dots, dashes")
        id = uuid.uuid5(uuid.NAMESPACE_OID, f"{self._namespace}\n{key}") if key else uuid.uuid4()
        return await self._knowledge.store(id.hex, title, text)

    async def find(self, limit: int = 20) -> dict[str, Any]:
        if not 1 <= limit <= 200:
            raise Problem(422, "invalid", "limit: needs a number from 1 to 200")
        return await self._knowledge.documents(limit, "")


def _within(name: str, value: str, most: int) -> None:
    if not 1 <= len(value) <= most:
        raise Problem(422, "invalid", f"{name}: has {len(value)} characters, needs 1 to {most}")
    if why := unstorable(value):
        raise Problem(422, "invalid", f"{name}: {why}")
