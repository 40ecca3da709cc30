"""The job `migrate`: DataFlow's tables, then the numbered files of migrations/, then what Neo4j must be unique in;
with SEED=true also the documents of seed.json, which the indexer then finds.

One run at a time (advisory lock), each file in a transaction of its own, recorded with it. Files only ever add what the
previous release can ignore: both run side by side during a release. A schema that is newer than this release is left
as it is."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import sys
import time
from pathlib import Path

import psycopg

from knowledge import logs, models
from knowledge.graph import Graph, GraphAway
from knowledge.settings import ConfigError, Settings, load

log = logging.getLogger("knowledge.migrate")

DIRECTORY = Path(__file__).parent / "migrations"
LOCK = 0x6B61696C  # "kail": any number, as long as all releases use the same
SEED = Path(__file__).parent / "seed.json"
STORE = "INSERT INTO documents (id, title, text) VALUES (%s, %s, %s) ON CONFLICT (id) DO NOTHING"
WAIT = 60.0  # seconds for the stores
RECORD = "CREATE TABLE IF NOT EXISTS schema_migrations (version text PRIMARY KEY, at timestamptz DEFAULT now())"


def files(directory: Path = DIRECTORY) -> list[tuple[str, str]]:
    """Version and text of each, in their order."""
    found = sorted(path for path in directory.glob("*.sql") if re.match(r"\d{4}_", path.name))
    return [(path.name[:4], path.read_text(encoding="utf-8")) for path in found]


def pending(known: list[str], applied: list[str]) -> list[str]:
    """Versions to apply, in their order; none where the schema is newer than this release."""
    if applied and (not known or max(applied) > max(known)):
        return []
    return [version for version in known if version not in applied]


def migrate(settings: Settings) -> None:
    with psycopg.connect(settings.database_url, connect_timeout=3, autocommit=True) as connection:
        locked = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
        if not locked or not locked[0]:
            raise TimeoutError("another migration is running")
        connection.execute("SET lock_timeout = '30s'")
        connection.execute(RECORD)
        applied = [str(row[0]) for row in connection.execute("SELECT version FROM schema_migrations").fetchall()]
        asyncio.run(_tables(settings))
        texts = dict(files())
        for version in pending(list(texts), applied):
            with connection.transaction():
                connection.execute(texts[version].encode())
                connection.execute("INSERT INTO schema_migrations (version) VALUES (%s)", [version])
        if settings.seed:
            for document in json.loads(SEED.read_text(encoding="utf-8")):
                connection.execute(STORE, [document["id"], document["title"], document["text"]])
        after = connection.execute("SELECT max(version) FROM schema_migrations").fetchone()
        print(f"{max(applied, default='base')} -> {after[0] if after else 'base'}", flush=True)
    asyncio.run(_graph(settings))
    log.info("migrated")


async def _tables(settings: Settings) -> None:
    db = models.declare(settings.database_url, 1, migrate=True)
    if not await db.initialize():
        raise TimeoutError("DataFlow could not be initialised")
    await db.create_tables_async()
    await db.close_async()


async def _graph(settings: Settings) -> None:
    graph = Graph(settings.neo4j_url, settings.neo4j_auth)
    await graph.open()
    try:
        await graph.prepare()
    finally:
        await graph.close()


def main() -> int:
    os.environ.setdefault("SERVICE", "migrate")
    logs.set_up()
    try:
        settings = load("migrate")
    except ConfigError as error:
        print("migrate: the configuration is not valid:", *error.problems, sep="\n  - ", file=sys.stderr)
        return 2
    deadline = time.monotonic() + WAIT
    while True:
        try:
            migrate(settings)
            return 0
        except (psycopg.OperationalError, GraphAway, TimeoutError) as error:
            if time.monotonic() > deadline:
                log.error("migration failed: %s", str(error).split("\n")[0])
                return 1
            log.warning("waiting: %s", str(error).split("\n")[0])
            time.sleep(1)
        except psycopg.Error as error:
            log.error("migration failed, its transaction was rolled back: %s", str(error).split("\n")[0])
            return 1


if __name__ == "__main__":
    sys.exit(main())
