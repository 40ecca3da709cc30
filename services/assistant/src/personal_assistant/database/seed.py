"""Test data, and roles for accounts. Idempotent: what is there stays as it is."""

from __future__ import annotations

import logging

import psycopg

from personal_assistant.auth.passwords import hash_now
from personal_assistant.config.settings import Settings
from personal_assistant.database.pool import connect_options

log = logging.getLogger("assistant.seed")

USERS = {"alice@example.com": "admin", "bob@example.com": "user"}
TASKS = ("Buy milk", "Call the dentist", "Plan the holiday")
DEV_PASSWORD = "berth-test-password"
#: Not a hash: nothing matches it, so the account exists but nobody can log in to it.
UNUSABLE = "!"


def run(settings: Settings) -> int:
    if settings.app_env == "prod":
        log.error("test data is not loaded in prod")
        return 1
    password = settings.seed_password or (DEV_PASSWORD if settings.app_env == "dev" else "")
    if not password:
        log.info("the test users cannot log in; SEED_PASSWORD_FILE gives them a password")
    added = {"users": 0, "tasks": 0}
    with psycopg.connect(settings.database_url, **connect_options(settings)) as connection, connection.transaction():
        for email, role in USERS.items():
            user = connection.execute(
                "INSERT INTO users (email, password_hash, role) VALUES (%s, %s, %s) "
                "ON CONFLICT (email) DO NOTHING RETURNING id",
                (email, hash_now(password) if password else UNUSABLE, role),
            ).fetchone()
            if user is None:
                continue
            added["users"] += 1
            for title in TASKS:
                connection.execute("INSERT INTO tasks (user_id, title) VALUES (%s, %s)", (user["id"], title))
                added["tasks"] += 1
    log.info("test data loaded", extra=added)
    return 0


def grant(settings: Settings, email: str, role: str) -> int:
    """The first administrator cannot be made through the API, which asks for an administrator."""
    with psycopg.connect(settings.database_url, **connect_options(settings)) as connection:
        changed = connection.execute("UPDATE users SET role = %s WHERE email = %s", (role, email.lower())).rowcount
    if not changed:
        log.error("no account has this e-mail; register it first")
        return 1
    log.info("role granted", extra={"role": role})
    return 0
