"""Who calls: users from a file, tokens signed with the first key and verified with all, and a bound on log-ins."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Mapping

import jwt
from redis.asyncio import Redis
from redis.exceptions import RedisError

from berth.passwords import hash_password, verify_password
from samplemind.settings import User

log = logging.getLogger("samplemind.auth")

COOKIE = "samplemind"
#: A cookie is sent by whatever page makes the browser ask; this header only by our own (docs: cross-site requests).
HEADER, HEADER_VALUE = "x-requested-with", "samplemind"
ALGORITHM, ISSUER = "HS256", "samplemind"
REDIS_TIMEOUT = 0.5  # seconds


class Users:
    def __init__(self, users: tuple[User, ...]) -> None:
        self._users = {user.email.lower(): user for user in users}
        self._hashes = {email: user.password_hash for email, user in self._users.items() if user.password_hash}

    async def log_in(self, email: str, password: str) -> str | None:
        """The e-mail of the user; None for a wrong one of either, after the same time."""
        email = email.lower()
        user = self._users.get(email)
        if user and email not in self._hashes:
            # Not at the start, which it would make slow.
            self._hashes[email] = await hash_password(user.password)
        return email if await verify_password(self._hashes.get(email), password) and user else None

    def known(self, email: str) -> bool:
        return email in self._users


def _key_id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def issue(email: str, keys: tuple[str, ...], ttl: int) -> str:
    claims = {"iss": ISSUER, "sub": email, "jti": secrets.token_hex(8), "exp": int(time.time()) + ttl}
    return jwt.encode(claims, keys[0], ALGORITHM, headers={"kid": _key_id(keys[0])})


def verify(token: str, keys: tuple[str, ...]) -> Mapping[str, str] | None:
    """The claims of a token; None where it is none of ours, or is over."""
    try:
        wanted = jwt.get_unverified_header(token).get("kid")
        key = next((key for key in keys if _key_id(key) == wanted), None)
        if key is None:
            return None
        claims: Mapping[str, str] = jwt.decode(
            token, key, [ALGORITHM], issuer=ISSUER, options={"require": ["exp", "sub", "jti", "iss"]}
        )
    except jwt.InvalidTokenError:
        return None
    return claims


class Sessions:
    """Tokens that were logged out, in Redis. While it is away they count again: locking everybody out is worse."""

    def __init__(self, redis: Redis, ttl: int) -> None:
        self._redis, self._ttl = redis, ttl
        self._skip_until = 0.0

    async def end(self, token_id: str) -> None:
        await self._redis.set(f"samplemind:ended:{token_id}", "1", ex=self._ttl)

    async def ended(self, token_id: str) -> bool:
        # While Redis is away, only one request every two seconds pays for finding that out.
        if time.monotonic() < self._skip_until:
            return False
        try:
            async with asyncio.timeout(REDIS_TIMEOUT):
                return bool(await self._redis.exists(f"samplemind:ended:{token_id}"))
        except (RedisError, OSError, TimeoutError) as error:
            self._skip_until = time.monotonic() + 2
            log.warning("sessions that were ended are not known: %s", type(error).__name__)
            return False


class LogInLimit:
    """Log-ins a minute, for each e-mail from each address, and for each of the two: in Redis for all processes, and
    where that is away in this one, so that nobody may guess meanwhile."""

    def __init__(self, redis: Redis, per_minute: int, clock: Callable[[], float] = time.time) -> None:
        self._redis, self._most, self.clock = redis, per_minute, clock
        self._here: dict[str, int] = {}
        self._window = 0

    async def wait(self, email: str, address: str) -> int:
        """Seconds after which the next log-in may be tried; 0: now."""
        window, second = divmod(int(self.clock()), 60)
        who, most = email.lower(), self._most
        # An address may be many people behind one router.
        from_here = {f"both:{who} {address}": most, f"address:{address}": most * 5}
        # What is refused from here is not counted for the e-mail: one address alone keeps nobody from logging in.
        over = await self._over(from_here, window) or await self._over({f"email:{who}": most * 10}, window)
        return 60 - second if over else 0

    async def _over(self, bounds: Mapping[str, int], window: int) -> bool:
        """Counts one more of each. Whether that is more than its bound."""
        names = [f"samplemind:logins:{hashlib.sha256(name.encode()).hexdigest()[:32]}:{window}" for name in bounds]
        try:
            async with asyncio.timeout(REDIS_TIMEOUT), self._redis.pipeline(transaction=False) as pipeline:
                for name in names:
                    pipeline.incr(name)
                    pipeline.expire(name, 120)
                counts = (await pipeline.execute())[::2]
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("log-ins are counted in this process alone: %s", type(error).__name__)
            counts = self._count_here(window, names)
        return any(int(count) > most for count, most in zip(counts, bounds.values(), strict=True))

    def _count_here(self, window: int, names: list[str]) -> list[int]:
        if window != self._window or len(self._here) > 10_000:
            self._window, self._here = window, {}
        for name in names:
            self._here[name] = self._here.get(name, 0) + 1
        return [self._here[name] for name in names]
