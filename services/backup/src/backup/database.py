"""PostgreSQL: one snapshot for the dump and for what is compared with it later; a throwaway server to restore into."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import compare
from .commands import run, words
from .manifest import Facts, Part
from .settings import Failed, Settings, Source
from .whole import stream

__all__ = ["stream"]

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

    def tables(self, at: str) -> Facts:
        return tables("\n".join(self.ask(facts(at, NEVER))))

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.log.close()


def facts(at: str, since: str) -> str:
    return f"\\set at '{at}'\n\\set since '{since}'\n{FACTS.read_text()}"


def tables(answer: str) -> Facts:
    told = [json.loads(line) for line in answer.splitlines()]
    return {fact.pop("table"): fact for fact in told}


@contextmanager
def session(stage: str, database: str, scratch: Path, **env: str) -> Iterator[Session]:
    one = Session(stage, database, env, scratch / "psql.log")
    try:
        yield one
    finally:
        one.close()


def take(settings: Settings, source: Source, to: Path, scratch: Path) -> Part:
    """Writes a dump. @return what a manifest says of the database, read in the dump's own snapshot."""
    name = source.given["database"]
    env = {"PGHOST": source.given["host"], "PGUSER": source.given["user"]}
    with session("dump", name, scratch, **env) as held:
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
            name,
            env={**os.environ, **PATIENT, **env},
        )
        tables = held.tables(at)
        [version], [encoding] = held.ask("SHOW server_version;"), held.ask("SHOW server_encoding;")
        return {
            "snapshot": at,
            "database": name,
            "server": version,
            "encoding": encoding,
            "schema": schema(held, source),
            "tables": tables,
        }


def schema(held: Session, source: Source) -> str:
    """Version of the tables, where the system's migrations keep one and have run; otherwise nothing."""
    if "versions" not in source.given:
        return ""
    table, column = source.given["versions"]
    [known] = held.ask(f"SELECT to_regclass('{table}') IS NOT NULL;")
    return ",".join(held.ask(f"SELECT {column} FROM {table};")) if known == "t" else ""


@contextmanager
def throwaway(source: Source, folder: Path, encoding: str) -> Iterator[dict[str, str]]:
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
        # The roles that the target of a restore has before it: nothing else may be needed.
        roles = " ".join(f'CREATE ROLE "{role}";' for role in source.given["roles"])
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


def restored(settings: Settings, source: Source, path: Path, part: Part, folder: Path) -> Part:
    with throwaway(source, folder, part["encoding"]) as env:
        run("restore", "pg_restore", "--exit-on-error", "-d", "restored", str(path), env={**os.environ, **env})
        with session("compare", "restored", folder, **env) as there:
            return {"tables": there.tables(part["snapshot"])}


def differences(part: Part, found: Part) -> list[str]:
    return compare.differences(part["tables"], found["tables"])


def rows(part: Part) -> int:
    return compare.total(part["tables"])


def described(part: Part) -> str:
    return f"{rows(part)} rows" + (f", schema {part['schema']}" if part["schema"] else "")
