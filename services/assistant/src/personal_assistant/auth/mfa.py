"""What a second factor is made of: secrets of authenticator apps, their codes (TOTP, RFC 6238), and backup codes.

No database and no Redis: what is kept, and how often may be guessed, is in second_factor.py."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

import pyotp
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

STEP = 30  # seconds that one code is for: what every authenticator app takes for granted
DRIFT = (0, -1, 1)  # steps by which the clock of a phone may be off, the likeliest first
BACKUP_CODES = 10
_GROUPS, _GROUP = 4, 4  # 16 letters of 32: 80 bits, too many to try even with the hashes at hand


class Unreadable(Exception):
    """The secret was encrypted with a key that this process does not have."""


class Cipher:
    """Encrypts secrets of users. The first key encrypts and all decrypt, so that a key can be replaced."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        # Keys are text of any length; Fernet's are 32 bytes.
        fernets = [Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())) for key in keys]
        self._newest, self._all = fernets[0], MultiFernet(fernets)

    def encrypt(self, text: str) -> str:
        return self._newest.encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> tuple[str, str]:
        """The text, and what to keep from now on: the same token, or one made with the first key.

        Raises Unreadable."""
        try:
            return self._newest.decrypt(token).decode(), token
        except InvalidToken:
            pass
        try:
            return self._all.decrypt(token).decode(), self._all.rotate(token).decode()
        except InvalidToken as error:
            raise Unreadable from error


def new_totp_secret() -> str:
    """160 bits in base32, as RFC 4226 recommends."""
    return pyotp.random_base32()


def otpauth_uri(secret: str, email: str, issuer: str) -> str:
    return pyotp.TOTP(secret, interval=STEP).provisioning_uri(name=email, issuer_name=issuer)


def qr_code(text: str) -> str:
    """An SVG picture, as a data URI."""
    import segno  # only enrolments need it, and not the start

    return segno.make(text, error="m", micro=False).svg_data_uri(scale=4)


def matching_step(secret: str, code: str, now: float) -> int | None:
    """The step that the code is of, counted from 1970, if it is one of now; None otherwise."""
    totp = pyotp.TOTP(secret, interval=STEP)
    steps = [int(now // STEP) + drift for drift in DRIFT]
    return next((step for step in steps if hmac.compare_digest(totp.generate_otp(step), plain(code))), None)


def plain(code: str) -> str:
    """A code as it is compared: people type the gaps of the way it is shown."""
    return "".join(character for character in code if character.isascii() and character.isalnum()).lower()


def new_backup_codes() -> list[str]:
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    return [
        "-".join("".join(secrets.choice(alphabet) for _ in range(_GROUP)) for _ in range(_GROUPS))
        for _ in range(BACKUP_CODES)
    ]


def backup_hash(user_id: str, code: str) -> str:
    """Of the user as well: equal codes of two users do not look equal."""
    return hashlib.sha256(f"{user_id}:{plain(code)}".encode()).hexdigest()
