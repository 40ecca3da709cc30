"""The second factor of users: rows for what is theirs, Redis for what passes (challenges, SMS codes, guesses).

While Redis is away no code is taken: a limit of guesses that fails open would be none."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from typing import Any, Literal

from redis.asyncio import Redis

from personal_assistant.auth import mfa
from personal_assistant.auth.guesses import Guesses
from personal_assistant.config.settings import Settings
from personal_assistant.core import metrics
from personal_assistant.core.sms import send_sms
from personal_assistant.database.pool import Connection, Database

log = logging.getLogger("assistant.mfa")

Kind = Literal["totp", "sms"]
Method = Literal["totp", "sms", "backup"]

CHALLENGE_TTL = 300
SMS_TTL = 300
GUESSES = 5  # in a window: with a password alone, 480 a day of the million codes
MESSAGES = 3  # in a window: each costs, and wakes somebody


class NotSent(Exception):
    """Twilio did not take the message."""


class Challenges:
    """Logged in by password, and nothing but a code is missing. Used once; only its hash is stored."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @staticmethod
    def _name(token: str) -> str:
        return f"mfa:challenge:{hashlib.sha256(token.encode()).hexdigest()}"

    async def open(self, user_id: str) -> str:
        token = secrets.token_urlsafe(32)
        await self._redis.set(self._name(token), user_id, ex=CHALLENGE_TTL)
        return token

    async def owner(self, token: str) -> str | None:
        value = await self._redis.get(self._name(token))
        return value if isinstance(value, str) else None

    async def close(self, token: str) -> bool:
        """False if it is closed already: of two requests with one challenge only one goes on."""
        return bool(await self._redis.delete(self._name(token)))


class SecondFactor:
    def __init__(self, settings: Settings, database: Database, redis: Redis) -> None:
        self._settings = settings
        self._database = database
        self._redis = redis
        self._guesses = Guesses(redis)
        self._cipher = mfa.Cipher(settings.mfa_keys)

    # --- what there is

    async def on(self, user_id: str) -> list[str]:
        """The methods that were confirmed; none: the password alone logs in."""
        rows = await self._database.all(
            "SELECT kind FROM mfa_methods WHERE user_id = %s AND confirmed_at IS NOT NULL ORDER BY kind DESC", user_id
        )
        return [row["kind"] for row in rows]

    def number_of(self, email: str) -> str | None:
        """Where SMS codes of this user go; None: there is no such number, or SMS is off."""
        return self._settings.number_of(email) if self._settings.sms_out else None

    async def offered(self, user_id: str, email: str) -> list[str]:
        """What a log-in may be completed with. A code by SMS needs a number that is still known."""
        methods = [kind for kind in await self.on(user_id) if kind != "sms" or self.number_of(email)]
        return [*methods, "backup"]

    async def backup_codes_left(self, user_id: str) -> int:
        row = await self._database.one("SELECT count(*) AS left FROM mfa_backup_codes WHERE user_id = %s", user_id)
        return int(row["left"]) if row else 0

    # --- enrolment

    async def begin(self, user_id: str, kind: Kind) -> str | None:
        """Keeps a method that is not asked for before it is confirmed. Returns the secret (sms: the empty text);
        None: this method is on already."""
        secret = mfa.new_totp_secret() if kind == "totp" else ""
        row = await self._database.one(
            """
            INSERT INTO mfa_methods (user_id, kind, secret) VALUES (%s, %s, %s)
            ON CONFLICT (user_id, kind) DO UPDATE SET secret = excluded.secret, last_step = 0
            WHERE mfa_methods.confirmed_at IS NULL RETURNING kind
            """,
            user_id,
            kind,
            self._cipher.encrypt(secret) if secret else None,
        )
        return None if row is None else secret

    async def confirm(self, user_id: str, kind: Kind, code: str) -> list[str] | None:
        """Turns a method on. Returns the backup codes, once, if it is the user's first, else an empty list; None: the
        code is wrong, or no enrolment was begun.

        Raises TooMany, Unreadable."""
        await self.count_guess(user_id)
        good = await (self._totp(user_id, code, confirmed=False) if kind == "totp" else self._sms(user_id, code))
        metrics.MFA_CODES.labels(kind, "accepted" if good else "refused").inc()
        if not good:
            return None
        async with self._database.connection() as connection, connection.transaction():
            # One at a time for each user: otherwise two first methods would each make backup codes.
            await connection.execute("SELECT FROM users WHERE id = %s FOR UPDATE", (user_id,))
            others = await connection.execute(
                "SELECT FROM mfa_methods WHERE user_id = %s AND confirmed_at IS NOT NULL", (user_id,)
            )
            first = others.rowcount == 0
            confirmed = await connection.execute(
                "UPDATE mfa_methods SET confirmed_at = clock_timestamp() "
                "WHERE user_id = %s AND kind = %s AND confirmed_at IS NULL",
                (user_id, kind),
            )
            if confirmed.rowcount == 0:
                return None
            codes = await self._replace_backup_codes(connection, user_id) if first else []
        await self.forget_guesses(user_id)
        log.info("second factor is on", extra={"method": kind})
        return codes

    async def new_backup_codes(self, user_id: str) -> list[str]:
        """Those before are worth nothing any more."""
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute("SELECT FROM users WHERE id = %s FOR UPDATE", (user_id,))
            return await self._replace_backup_codes(connection, user_id)

    @staticmethod
    async def _replace_backup_codes(connection: Connection, user_id: str) -> list[str]:
        codes = mfa.new_backup_codes()
        await connection.execute("DELETE FROM mfa_backup_codes WHERE user_id = %s", (user_id,))
        await connection.execute(
            "INSERT INTO mfa_backup_codes (user_id, code_hash) SELECT %s, unnest(%s::text[])",
            (user_id, [mfa.backup_hash(user_id, code) for code in codes]),
        )
        return codes

    async def turn_off(self, user_id: str) -> bool:
        """False: it was off."""
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute("DELETE FROM mfa_backup_codes WHERE user_id = %s", (user_id,))
            gone = await connection.execute("DELETE FROM mfa_methods WHERE user_id = %s", (user_id,))
        await self._redis.delete(f"mfa:sms:{user_id}", f"mfa:guesses:{user_id}")
        if gone.rowcount:
            log.info("second factor is off")
        return gone.rowcount > 0

    # --- codes

    async def accepts(self, user_id: str, method: Method, code: str) -> bool:
        """Every code is taken once, whatever its method.

        Raises TooMany, Unreadable."""
        await self.count_guess(user_id)
        match method:
            case "totp":
                good = await self._totp(user_id, code, confirmed=True)
            case "sms":
                good = "sms" in await self.on(user_id) and await self._sms(user_id, code)
            case "backup":
                good = await self._backup(user_id, code)
        metrics.MFA_CODES.labels(method, "accepted" if good else "refused").inc()
        if good:
            await self.forget_guesses(user_id)
        else:
            log.info("second factor refused", extra={"method": method})
        return good

    async def _totp(self, user_id: str, code: str, confirmed: bool) -> bool:
        row = await self._database.one(
            "SELECT secret FROM mfa_methods WHERE user_id = %s AND kind = 'totp' AND (confirmed_at IS NOT NULL) = %s",
            user_id,
            confirmed,
        )
        if row is None:
            return False
        secret, kept = self._cipher.decrypt(row["secret"])
        step = mfa.matching_step(secret, code, time.time())
        if step is None:
            return False
        # The row decides, for all replicas: the same code, or an older one, is not taken again. A secret that was
        # replaced meanwhile is another row's affair.
        used = await self._database.one(
            "UPDATE mfa_methods SET last_step = %s, secret = %s "
            "WHERE user_id = %s AND kind = 'totp' AND secret = %s AND last_step < %s RETURNING kind",
            step,
            kept,
            user_id,
            row["secret"],
            step,
        )
        return used is not None

    async def _backup(self, user_id: str, code: str) -> bool:
        row = await self._database.one(
            "DELETE FROM mfa_backup_codes WHERE user_id = %s AND code_hash = %s RETURNING code_hash",
            user_id,
            mfa.backup_hash(user_id, code),
        )
        return row is not None

    def _marks(self, user_id: str, code: str) -> list[str]:
        """Six digits are soon tried: what Redis holds says nothing without a key."""
        text = f"{user_id}:{mfa.plain(code)}".encode()
        return [hmac.new(key.encode(), text, hashlib.sha256).hexdigest() for key in self._settings.mfa_keys]

    async def _sms(self, user_id: str, code: str) -> bool:
        name = f"mfa:sms:{user_id}"
        kept = await self._redis.get(name)
        good = isinstance(kept, str) and any(hmac.compare_digest(kept, mark) for mark in self._marks(user_id, code))
        return good and bool(await self._redis.delete(name))

    async def send_code(self, user_id: str, number: str) -> None:
        """Replaces the code that was sent before.

        Raises TooMany, NotSent."""
        await self._guesses.count(f"mfa:messages:{user_id}", MESSAGES)
        code = f"{secrets.randbelow(1_000_000):06d}"
        await self._redis.set(f"mfa:sms:{user_id}", self._marks(user_id, code)[0], ex=SMS_TTL)
        text = f"{self._settings.mfa_totp_issuer}: your code is {code}. It is good for {SMS_TTL // 60} minutes."
        if not await asyncio.to_thread(send_sms, self._settings, number, text):
            raise NotSent

    # --- guesses

    async def count_guess(self, user_id: str) -> None:
        """Raises TooMany."""
        await self._guesses.count(f"mfa:guesses:{user_id}", GUESSES)

    async def count_password(self, user_id: str) -> None:
        """Counted apart: who knows the password must not win guesses of codes by it. Raises TooMany."""
        await self._guesses.count(f"mfa:passwords:{user_id}", GUESSES)

    async def forget_guesses(self, user_id: str) -> None:
        await self._guesses.forget(f"mfa:guesses:{user_id}")


def masked(number: str) -> str:
    """Enough for its owner to know it by."""
    return f"{'•' * (len(number) - 4)}{number[-4:]}"


def described(secret: str, email: str, settings: Settings) -> dict[str, Any]:
    """What an authenticator app needs: to scan, to open, or to type."""
    uri = mfa.otpauth_uri(secret, email, settings.mfa_totp_issuer)
    return {"secret": secret, "otpauth_uri": uri, "qr_code": mfa.qr_code(uri)}
