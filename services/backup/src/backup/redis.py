"""Redis: a snapshot as a replica gets it, and a throwaway server that loads it."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .commands import run, words
from .manifest import Facts, Part
from .settings import Failed, Settings, Source


def take(settings: Settings, source: Source, to: Path, scratch: Path) -> Part:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    # The password goes in by standard input: a process's environment can be read in /proc.
    run(
        "snapshot",
        "redis-cli",
        "-h",
        source.given["host"],
        "--user",
        source.given["user"],
        "--askpass",
        "--no-auth-warning",
        "--rdb",
        str(to),
        stdin=settings.secret(source.given["password"]) + "\n",
        timeout=3600,
    )
    return {"snapshot": at, **inspect(to)}


def inspect(path: Path) -> Part:
    """Reads a snapshot to its end, checksum included.

    @return `keys` without an expiry (the others may go at any moment), and the server's version.
    """
    said = run("snapshot", "redis-check-rdb", str(path))
    keys, expires = re.search(r"(\d+) keys read", said), re.search(r"(\d+) expires", said)
    if not keys or not expires:
        raise Failed("snapshot", f"redis-check-rdb: {words(said)}")
    version = re.search(r"redis-ver = '([^']+)'", said)
    return {"keys": int(keys[1]) - int(expires[1]), "version": version[1] if version else ""}


class Connection:
    """As much of Redis's protocol as is needed here."""

    def __init__(self, path: Path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self.file = self.socket.makefile("rb")

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def ask(self, *words: bytes | str) -> Any:
        """@return what the command answers: bytes, number, None or list. @raise Failed with what the server said."""
        self.socket.sendall(command(*words))
        return self._answer()

    def _answer(self) -> Any:
        line = self.file.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise Failed("restore", f"redis: {rest.decode(errors='replace')}")
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest


def command(*words: bytes | str) -> bytes:
    encoded = [word.encode() if isinstance(word, str) else word for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)


@contextmanager
def throwaway(path: Path, folder: Path) -> Iterator[Connection]:
    """A server that has loaded the snapshot."""
    folder.mkdir(parents=True, exist_ok=True)
    place, log = folder / "redis.sock", folder / "redis.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [
                "redis-server",
                "--port",
                "0",
                "--unixsocket",
                str(place),
                "--dir",
                str(path.parent),
                "--dbfilename",
                path.name,
                "--save",
                "",
                "--appendonly",
                "no",
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        with closing(_loaded(server, place, log)) as connection:
            yield connection
    finally:
        server.kill()
        server.wait()


def _loaded(server: "subprocess.Popen[bytes]", place: Path, log: Path, seconds: int = 600) -> Connection:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            raise Failed("restore", f"redis-server: {words(log.read_text(errors='replace'))}")
        try:
            connection = Connection(place)
        except OSError:
            time.sleep(0.2)
            continue
        try:
            connection.ask("DBSIZE")
            return connection
        except (OSError, Failed):
            connection.close()
            time.sleep(0.2)
    raise Failed("restore", f"redis-server did not load the snapshot in {seconds} s")


def restored(settings: Settings, source: Source, path: Path, part: Part, folder: Path) -> Part:
    with throwaway(path, folder) as server:
        spaces = re.findall(rb"db\d+:keys=(\d+),expires=(\d+)", server.ask("INFO", "keyspace"))
        return {"keys": sum(int(keys) - int(expires) for keys, expires in spaces)}


def differences(part: Part, found: Part) -> list[str]:
    return [] if part["keys"] == found["keys"] else [f"{found['keys']} keys, expected {part['keys']}"]


def rows(part: Part) -> int:
    """Keys come and go with queues: their number says nothing of a loss."""
    return 0


def described(part: Part) -> str:
    return f"{part['keys']} keys"


def facts(at: str, since: str) -> str:
    raise Failed("compare", "keys have no times: a snapshot is not compared with what runs")


def tables(answer: str) -> Facts:
    raise Failed("compare", "keys have no times: a snapshot is not compared with what runs")


def stream(path: Path, folder: Path, passed_over: frozenset[bytes] = frozenset({b"berth:users"})) -> Iterator[bytes]:
    """
    What makes a server hold the snapshot's keys, in its own protocol. Keys that the snapshot does not have are left
    alone, and so is the record of which user belongs to which release.
    """
    with throwaway(path, folder) as server:
        for space in re.findall(rb"db(\d+):", server.ask("INFO", "keyspace")):
            server.ask("SELECT", space)
            yield command("SELECT", space)
            cursor = b"0"
            while True:
                cursor, keys = server.ask("SCAN", cursor, "COUNT", "500")
                for key in keys:
                    value, until = server.ask("DUMP", key), server.ask("PEXPIRETIME", key)
                    if value is not None and key not in passed_over:
                        yield command(
                            "RESTORE", key, str(max(until, 0)), value, "REPLACE", *(["ABSTTL"] if until > 0 else [])
                        )
                if cursor == b"0":
                    break
