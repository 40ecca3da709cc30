"""Schema migrations: one run at a time (advisory lock), all of its revisions in one transaction, up or down.

Old and new releases run side by side during a switch, so a migration only ever adds what the previous release can
ignore; removal is for a later release. That is also why a schema newer than this release is left as it is.

The later release that removes says so (`destructive = True` in its revision) and runs only where ALLOW_DESTRUCTIVE
names the revision: what it drops, no rollback brings back. The way down (SCHEMA_REVISION) drops what the way up added,
and asks for the same."""

from __future__ import annotations

import inspect
import logging
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util.exc import CommandError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from personal_assistant.config.settings import Settings

log = logging.getLogger("assistant.migrate")

DIRECTORY = Path(__file__).resolve().parents[2] / "migrations"
# What cannot be undone: by SQL, or by Alembic's operations.
LOSES_DATA = re.compile(
    r"\bDROP\s+(TABLE|COLUMN|SCHEMA|DATABASE)\b|\bTRUNCATE\b|\bDELETE\s+FROM\b|\.drop_(table|column)\(", re.IGNORECASE
)
LOCK = 0x62657274  # "bert": any number, as long as all releases use the same
WAIT = 60.0


def run(settings: Settings, target: str | None = None) -> int:
    """To the target; without one to what the settings name."""
    target = target or settings.schema_revision
    # Not the pool's connections: a migration may rightly take longer than a request's statement timeout.
    engine = create_engine(
        settings.database_url.replace("postgres://", "postgresql://", 1).replace(
            "postgresql://", "postgresql+psycopg://", 1
        ),
        poolclass=NullPool,
        connect_args={"connect_timeout": 3, "application_name": "assistant-migrate"},
    )
    deadline = time.monotonic() + WAIT
    while True:
        try:
            with engine.connect() as guard:
                # Session-level, on a connection of its own: it outlives the migrations' transactions and dies with the
                # process.
                if not guard.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK}).scalar_one():
                    raise TimeoutError("another migration is running")
                guard.commit()
                with engine.connect() as connection:
                    # Better a failed migration than one that waits for a lock while every request queues behind it.
                    connection.execute(text("SET lock_timeout = '30s'"))
                    # Ended from outside, its statement ends as well, and the transaction with it.
                    connection.execute(text("SET client_connection_check_interval = '1s'"))
                    connection.commit()
                    return _migrate(connection, target, settings.allow_destructive)
        except (OperationalError, TimeoutError) as error:
            if not _worth_waiting(error) or time.monotonic() >= deadline:
                log.error("migration failed: %s", _first_line(error))
                return 1
            log.warning("waiting for the database: %s", _first_line(error))
            time.sleep(1)
        except (DBAPIError, CommandError, ResolutionError) as error:
            log.error("migration failed, its transaction was rolled back: %s", _first_line(error))
            return 1


def _worth_waiting(error: Exception) -> bool:
    """Only failures to connect: an OperationalError inside a migration would fail again."""
    if isinstance(error, TimeoutError):
        return True
    original = getattr(error, "orig", None)
    return isinstance(original, psycopg.OperationalError) and original.sqlstate is None and error.statement is None  # type: ignore[attr-defined]


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


def destructive(revision: ModuleType) -> bool:
    """By its own word, or because its upgrade plainly loses data: forgetting to say so must not let it through."""
    return bool(getattr(revision, "destructive", False)) or bool(LOSES_DATA.search(inspect.getsource(revision.upgrade)))


def loses_going_down(revision: ModuleType) -> bool:
    return bool(LOSES_DATA.search(inspect.getsource(revision.downgrade)))


def refusal(
    pending: Iterable[ModuleType], allowed: Iterable[str], loses: Callable[[ModuleType], bool] = destructive
) -> str | None:
    """Why these revisions, about to be applied or taken back, must not be; None if they may."""
    refused = [module for module in pending if loses(module) and module.revision not in allowed]
    if not refused:
        return None
    named = ", ".join(
        f"{module.revision} ({(module.__doc__ or 'no description').strip().splitlines()[0]})" for module in refused
    )
    setting = ",".join(sorted({*allowed, *(module.revision for module in refused)}))
    return (
        f"destructive: {'going back behind ' if loses is loses_going_down else ''}{named} removes data for good; "
        "nothing was applied. Make sure of a backup and that no running release needs what goes, "
        f"then allow it: pulumi config set berth:allowDestructiveMigrations {setting}"
    )


def _migrate(connection: Connection, target: str, allowed: tuple[str, ...]) -> int:
    config = Config()
    config.set_main_option("script_location", str(DIRECTORY))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    before = _revision(connection)
    if before is not None and before not in known:
        if target in ("head", before):
            log.warning("the schema is at %s, newer than this release knows; left as it is", before)
            print(f"{before} -> {before} (newer than this release, unchanged)", flush=True)
            return 0
        log.error(
            "the schema is at %s, which this release does not know: go back to %s with the release that made it",
            before,
            target,
        )
        return 1
    if target not in ("head", "base") and target not in known:
        log.error("unknown revision %r (berth:schema); known: base, %s, head", target, ", ".join(sorted(known)))
        return 1
    order = ["base", *(script.revision for script in reversed(list(scripts.walk_revisions())))]
    wanted = order[-1] if target == "head" else target
    start, end = order.index(before or "base"), order.index(wanted)
    modules = {script.revision: script.module for script in scripts.walk_revisions()}
    up = end >= start
    steps = [modules[revision] for revision in (order[start + 1 : end + 1] if up else order[end + 1 : start + 1])]
    # All or nothing: half a release's schema would be neither the old release's nor the new one's.
    # A database that was never migrated has nothing to lose.
    why = refusal(steps, allowed, destructive if up else loses_going_down) if before else None
    if why:
        log.error("migration refused, %s", why)
        return 1
    if wanted != order[-1]:
        log.warning(
            "the schema stays at %s, and not at this release's %s, for as long as berth:schema says so",
            wanted,
            order[-1],
        )
    (command.upgrade if up else command.downgrade)(config, wanted)
    after = _revision(connection)
    print(f"{before or 'base'} -> {after or 'base'}", flush=True)
    log.info("schema migrated", extra={"from_revision": before or "base", "to_revision": after or "base"})
    return 0


def _revision(connection: Connection) -> str | None:
    revision = MigrationContext.configure(connection).get_current_revision()
    connection.commit()
    return revision
