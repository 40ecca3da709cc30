"""Access tokens (JWT, HS256) and refresh sessions (Redis). The first key signs and all verify, so that a key can be
rotated without signing anyone out: add the new key behind the old, then move it first, then drop the old."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jwt

if TYPE_CHECKING:
    from redis.asyncio import Redis

ALGORITHM = "HS256"
ISSUER = "assistant"


class InvalidToken(Exception):
    pass


@dataclass(frozen=True)
class User:
    id: str
    role: str


def key_id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def issue_access_token(user: User, keys: tuple[str, ...], ttl: int) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": user.id, "role": user.role, "iat": now, "exp": now + ttl}
    return jwt.encode(claims, keys[0], ALGORITHM, headers={"kid": key_id(keys[0])})


def verify_access_token(token: str, keys: tuple[str, ...]) -> User:
    try:
        wanted = jwt.get_unverified_header(token).get("kid")
        key = next((k for k in keys if key_id(k) == wanted), None)
        if key is None:
            raise InvalidToken("the token was signed with an unknown key")
        # When it was issued decides nothing: the clock of the replica that did may be ahead of this one's.
        claims = jwt.decode(
            token, key, [ALGORITHM], issuer=ISSUER, options={"require": ["exp", "sub", "iss"], "verify_iat": False}
        )
    except jwt.InvalidTokenError as error:
        raise InvalidToken("the token is invalid or has expired") from error
    return User(claims["sub"], claims.get("role", "user"))


class Sessions:
    """A refresh token is used once: refreshing replaces it. Only its hash is stored."""

    def __init__(self, redis: Redis, ttl: int) -> None:
        self._redis = redis
        self._ttl = ttl

    @staticmethod
    def _name(token: str) -> str:
        return f"session:{hashlib.sha256(token.encode()).hexdigest()}"

    async def open(self, user_id: str) -> str:
        token = secrets.token_urlsafe(32)
        await self._redis.set(self._name(token), user_id, ex=self._ttl)
        return token

    async def owner(self, token: str) -> str | None:
        """The id of the user whose session it is."""
        value = await self._redis.get(self._name(token))
        return value if isinstance(value, str) else None

    async def replace(self, token: str, user_id: str) -> str | None:
        """The new token; None: the old one was used meanwhile. Both or none: Redis may have no room for the new one,
        and nobody is logged out for that."""
        new = secrets.token_urlsafe(32)
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.set(self._name(new), user_id, ex=self._ttl)
            pipeline.delete(self._name(token))
            _, used = await pipeline.execute()
        if used:
            return new
        await self.close(new)
        return None

    async def close(self, token: str) -> None:
        await self._redis.delete(self._name(token))
