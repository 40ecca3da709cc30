"""Password hashes. Argon2id with OWASP's smaller memory setting.

With the library's 64 MiB a burst of logins could exceed the container's memory limit."""

from __future__ import annotations

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_turns = asyncio.Semaphore(2)  # hashing is pure CPU: more at once only makes every other request wait


def hash_now(password: str) -> str:
    return _hasher.hash(password)


async def hash_password(password: str) -> str:
    async with _turns:
        return await asyncio.to_thread(_hasher.hash, password)


@cache
def _nobody() -> str:
    return _hasher.hash("nobody has this password")


def matches_now(stored: str | None, password: str) -> bool:
    try:
        return _hasher.verify(stored or _nobody(), password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


async def verify_password(stored: str | None, password: str) -> bool:
    """Takes the same time for an unknown account, so that timing does not tell which e-mails exist."""
    async with _turns:
        return await asyncio.to_thread(matches_now, stored, password)
