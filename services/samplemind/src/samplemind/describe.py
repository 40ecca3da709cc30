"""A sentence about a sample by a language model, where there is a key for one. It may fail, and nothing else does."""

from __future__ import annotations

import asyncio
import json
import logging

import httpx

from samplemind.names import one_line
from samplemind.samples import Document
from samplemind.settings import Settings

log = logging.getLogger("samplemind.describe")

LONGEST = 300  # characters
MOST = 262_144  # bytes of an answer
PROMPT = (
    "Describe this audio sample for a musician in one sentence of at most 30 words. "
    "Say how it sounds and what it may be used for. These numbers were measured: "
)


def question(document: Document) -> str:
    """No file name: it is a user's, and might tell the model what to do."""
    facts = {name: document.get(name) for name in ("duration", "tempo", "key", "loudness", "features")}
    return PROMPT + json.dumps(facts)


def answer(body: object) -> str:
    """The sentence in an answer; raises ValueError where there is none."""
    try:
        text = body["choices"][0]["message"]["content"]  # type: ignore[index]
    except (LookupError, TypeError) as error:
        raise ValueError("the answer has no message") from error
    line = one_line(str(text or ""))
    if not line:
        raise ValueError("the message is empty")
    return line[:LONGEST]


async def describe(
    settings: Settings, document: Document, transport: httpx.AsyncBaseTransport | None = None
) -> str | None:
    """None where it is off, or does not work."""
    if not settings.descriptions:
        return None
    asked = {
        "model": settings.ai_model,
        "max_tokens": 120,
        "messages": [{"role": "user", "content": question(document)}],
    }
    headers = {"Authorization": f"Bearer {settings.ai_key}"}
    try:
        async with (
            asyncio.timeout(settings.ai_timeout),
            httpx.AsyncClient(timeout=settings.ai_timeout, transport=transport) as client,
            client.stream("POST", f"{settings.ai_url}/chat/completions", json=asked, headers=headers) as stream,
        ):
            stream.raise_for_status()
            content = b""
            async for chunk in stream.aiter_bytes():
                content += chunk
                if len(content) > MOST:
                    raise ValueError("the answer is too long")
            return answer(json.loads(content))
    except (httpx.HTTPError, TimeoutError, ValueError) as error:
        # Not the text of the error, which has the address, and may have the key.
        log.warning("no description: %s", type(error).__name__, extra={"sample": document["_id"]})
        return None
