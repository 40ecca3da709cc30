"""PostgreSQL: one snapshot for the dump and for what is compared with it later; a throwaway server to restore into."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .commands import run, words
from .manifest import Database, Facts, Manifest
from .settings import Failed, Settings

FACTS = Path(__file__).with_name("facts.sql")
NEVER = "infinity"
# The server ends transactions that idle for a minute; the one that holds the snapshot does, while pg_dump works.
PATIENT = {
    "PGOPTIONS": "-c idle_in_transaction_session_timeout=0 -c statement_timeout=0",
    "PGAPPNAME": "backup",
    "PGCONNECT_TIMEOUT": "10",
}


class Session:
    """One connection of psql, asked line by line."""

    END = "-- end of answer --"

    def __init__(self, stage: str, database: str, env: dict[str, str], errors: Path):
        self.stage = stage
        self.errors = errors
        self.log = errors.open("w")
        self.process = subprocess.Popen(
            ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", database],
            env={**os.environ, **PATIENT, **env},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
        )
        assert self.process.stdin and self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout

    def ask(self, sql: str) -> list[str]:
        """@raise Failed with what the server said."""
        try:
            self.stdin.write(f"{sql}\n\\echo {self.END}\n")
            self.stdin.flush()
        except BrokenPipeError:
            pass
        lines: list[str] = []
        for line in self.stdout:
            if line.rstrip("\n") == self.END:
                return lines
            lines.append(line.rstrip("\n"))
        raise Failed(self.stage, f"psql: {words(self.errors.read_text())}")

    def facts(self, at: str, since: str = NEVER) -> Facts:
        return parse(self.ask(f"\\set at '{at}'\n\\set since '{since}'\n\\i {FACTS}"))

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.log.close()


def parse(lines: list[str]) -> Facts:
    """Lines of facts.sql -> table -> facts."""
    tables: Facts = {}
    for line in lines:
        fact = json.loads(line)
        tables[fact.pop("table")] = fact
    return tables


@contextmanager
def session(stage: str, database: str, scratch: Path, **env: str) -> Iterator[Session]:
    one = Session(stage, database, env, scratch / "psql.log")
    try:
        yield one
    finally:
        one.close()


def dump(settings: Settings, to: Path, scratch: Path) -> Database:
    """Writes a dump. @return what a manifest says of the database, read in the dump's own snapshot."""
    with session("dump", settings.database, scratch) as held:
        held.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;")
        [snapshot] = held.ask("SELECT pg_export_snapshot();")
        [at] = held.ask("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"');")
        # Does not wait for ever behind a migration, and lets one wait behind it no longer than the dump takes.
        run(
            "dump",
            "pg_dump",
            "--format=custom",
            "--compress=zstd:3",
            "--lock-wait-timeout=60s",
            f"--snapshot={snapshot}",
            f"--file={to}",
            settings.database,
            env={**os.environ, **PATIENT},
        )
        tables = held.facts(at)
        [version], [encoding] = held.ask("SHOW server_version;"), held.ask("SHOW server_encoding;")
        [known] = held.ask("SELECT to_regclass('public.alembic_version') IS NOT NULL;")
        schema = held.ask("SELECT version_num FROM public.alembic_version;") if known == "t" else []
        return {"snapshot": at, "server": version, "encoding": encoding, "schema": ",".join(schema), "tables": tables}


@contextmanager
def throwaway(settings: Settings, folder: Path, encoding: str) -> Iterator[dict[str, str]]:
    """A server of our own on a private socket, without a care for power cuts.

    @return the environment that reaches it.
    """
    data, socket = folder / "pg", folder / "socket"
    socket.mkdir(parents=True)
    run("restore", "initdb", "-D", str(data), "-U", "postgres", "--auth=trust", "--no-sync", f"--encoding={encoding}")
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(socket),
        "fsync": "off",
        "full_page_writes": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "shared_buffers": "32MB",
        "maintenance_work_mem": "64MB",
        "max_connections": "10",
        "autovacuum": "off",
        "dynamic_shared_memory_type": "mmap",
        "max_parallel_workers": "0",
        "max_wal_size": "256MB",
        "log_destination": "stderr",
        "logging_collector": "off",
    }
    (data / "postgresql.auto.conf").write_text("".join(f"{key} = '{value}'\n" for key, value in options.items()))
    log = folder / "server.log"
    run("restore", "pg_ctl", "-D", str(data), "-w", "-t", "120", "-l", str(log), "start")
    env = {"PGHOST": str(socket), "PGUSER": "postgres"}
    try:
        whole = {**os.environ, **env}
        # The roles that the job postgres-roles makes on any server: nothing else may be needed.
        roles = " ".join(f'CREATE ROLE "{role}";' for role in settings.roles)
        run(
            "restore",
            "psql",
            "-qX",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            "postgres",
            stdin=f"{roles}\nCREATE DATABASE restored TEMPLATE template0;",
            env=whole,
        )
        yield env
    finally:
        subprocess.run(["pg_ctl", "-D", str(data), "-m", "immediate", "stop"], capture_output=True)


def restored(settings: Settings, path: Path, manifest: Manifest, folder: Path) -> Facts:
    """Restores a dump into a throwaway server. @return what is in it then."""
    with throwaway(settings, folder, manifest["encoding"]) as env:
        run("restore", "pg_restore", "--exit-on-error", "-d", "restored", str(path), env={**os.environ, **env})
        with session("compare", "restored", folder, **env) as there:
            return there.facts(manifest["snapshot"])
