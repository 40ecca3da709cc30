"""Password hashes. Argon2id with OWASP's smaller memory setting.

With the library's 64 MiB a burst of logins could exceed the container's memory limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import HTTPException

from berth.overload import step_aside

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_turns = asyncio.Semaphore(2)  # hashing is pure CPU: more at once only makes every other request wait
WAITING = 64  # some seconds' worth
_here = 0

T = TypeVar("T")


async def _in_turn(work: Callable[..., T], *args: object) -> T:
    """Who waits for a password keeps nobody from what needs none, however many they are."""
    global _here
    if _here >= WAITING:
        raise HTTPException(503, "too many log-ins at a time, try again")
    step_aside()
    _here += 1
    try:
        async with _turns:
            return await asyncio.to_thread(work, *args)
    finally:
        _here -= 1


def hash_now(password: str) -> str:
    return _hasher.hash(password)


async def hash_password(password: str) -> str:
    return await _in_turn(_hasher.hash, password)


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
    return await _in_turn(matches_now, stored, password)
