"""Test data, and what an operator does to accounts. Idempotent: what is there stays as it is, but the test users'
password is always the one of SEED_PASSWORD_FILE."""

from __future__ import annotations

import logging

import psycopg

from berth.passwords import hash_now, matches_now
from personal_assistant.config.settings import Settings
from personal_assistant.database.pool import connect_options

log = logging.getLogger("assistant.seed")

USERS = {"alice@example.com": "admin", "bob@example.com": "user"}
TASKS = ("Buy milk", "Call the dentist", "Plan the holiday")


def run(settings: Settings) -> int:
    if settings.app_env == "prod":
        log.error("test data is not loaded in prod")
        return 1
    password = settings.seed_password
    done = {"users": 0, "tasks": 0, "passwords": 0}
    with psycopg.connect(settings.database_url, **connect_options(settings)) as connection, connection.transaction():
        for email, role in USERS.items():
            user = connection.execute(
                "SELECT id, password_hash FROM users WHERE email = %s FOR UPDATE", (email,)
            ).fetchone()
            if user:
                if not matches_now(user["password_hash"], password):
                    connection.execute(
                        "UPDATE users SET password_hash = %s WHERE id = %s", (hash_now(password), user["id"])
                    )
                    done["passwords"] += 1
                continue
            user = connection.execute(
                "INSERT INTO users (email, password_hash, role) VALUES (%s, %s, %s) RETURNING id",
                (email, hash_now(password), role),
            ).fetchone()
            assert user
            done["users"] += 1
            for title in TASKS:
                connection.execute("INSERT INTO tasks (user_id, title) VALUES (%s, %s)", (user["id"], title))
                done["tasks"] += 1
    log.info("test data loaded", extra=done)
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


def reset_mfa(settings: Settings, email: str) -> int:
    """For an administrator who has lost phone and backup codes, and has nobody to ask."""
    with psycopg.connect(settings.database_url, **connect_options(settings)) as connection, connection.transaction():
        account = (email.lower(),)
        mine = "user_id = (SELECT id FROM users WHERE email = %s)"
        connection.execute(f"DELETE FROM mfa_backup_codes WHERE {mine}", account)
        gone = connection.execute(f"DELETE FROM mfa_methods WHERE {mine}", account).rowcount
    if not gone:
        log.error("no account with a second factor has this e-mail")
        return 1
    log.info("second factor is off")
    return 0
