"""Texts as vectors: by a small model of our own, or by a provider's where there is a key for it.

The small one is hashed n-grams of characters and words: the same text has the same vector for ever, on any machine, and
texts that share words are near each other. It knows no synonyms."""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import httpx

DIMENSIONS = 256
HASHED = "hashed-ngrams-1"
WAIT = 15.0  # seconds for a provider's answer
_STOP = frozenset(
    "a an and are as at by did do does for from had has have he her his how i in is it its of on or she that the their "
    "they this to was were what when where which who whom whose why will with".split()
)


class EmbeddingsAway(Exception):
    """The provider does not answer, or says that it cannot."""


class Model(Protocol):
    #: Vectors of two models have nothing to do with each other.
    @property
    def name(self) -> str: ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """DIMENSIONS numbers for each text, of length 1."""


def _features(text: str) -> list[tuple[str, float]]:
    words = [word for word in re.findall(r"\w+", text.lower()) if word not in _STOP]
    found = [(word, 2.0) for word in words]
    found += [(f"{one} {other}", 1.0) for one, other in pairwise(words)]
    # What words have in common in spite of their endings.
    return found + [(word[i : i + 4], 0.5) for word in words for i in range(len(word) - 3)]


def hashed(text: str) -> list[float]:
    vector = [0.0] * DIMENSIONS
    for feature, weight in _features(text):
        number = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "big")
        vector[number % DIMENSIONS] += weight if number >> 63 else -weight
    length = math.sqrt(sum(value * value for value in vector))
    # A text without a word has a direction too: cosine is undefined for zero.
    return [value / length for value in vector] if length else [1.0] + [0.0] * (DIMENSIONS - 1)


class Hashed:
    name = HASHED

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return await asyncio.to_thread(lambda: [hashed(text) for text in texts])


class Provider:
    """Whoever speaks OpenAI's interface: POST <url>/embeddings."""

    def __init__(self, url: str, model: str, key: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.name = model
        self._client = httpx.AsyncClient(
            base_url=url, timeout=WAIT, headers={"Authorization": f"Bearer {key}"}, transport=transport
        )

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        body = {"model": self.name, "input": list(texts), "dimensions": DIMENSIONS}
        try:
            async with asyncio.timeout(WAIT):
                answer = await self._client.post("/embeddings", json=body)
            answer.raise_for_status()
            items = sorted(answer.json()["data"], key=lambda item: int(item["index"]))
            vectors = [[float(value) for value in item["embedding"]] for item in items]
        except (httpx.HTTPError, TimeoutError, KeyError, TypeError, ValueError) as error:
            raise EmbeddingsAway(str(error) or type(error).__name__) from error
        if [len(vector) for vector in vectors] != [DIMENSIONS] * len(texts):
            raise EmbeddingsAway(f"the answer has not {DIMENSIONS} numbers for each of {len(texts)} texts")
        return vectors


def model(url: str, name: str, key: str) -> Model:
    return Provider(url, name, key) if key else Hashed()


def near(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
