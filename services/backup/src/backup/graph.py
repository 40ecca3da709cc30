"""
Neo4j: its graph as lines of JSON, exported while it serves; community cannot dump a database that runs. It is restored
in transactions that are rolled back: written, read again and compared, and seen by nobody else.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from berth.neo4j_admin import Neo4j, Refused, Typed, nodes, plain, relationships, schema, typed

from . import compare
from .manifest import Fact, Facts, Part
from .settings import Failed, Settings, Source
from .whole import stream

__all__ = ["stream"]

Row = list[Typed]
#: With a label of their own: those of the graph may be unique in what the ones that run have.
NODES = "UNWIND $rows AS row CREATE (n:Restored) SET n = row[2] RETURN row[0], row[1], properties(n)"
RELATIONSHIPS = """UNWIND $rows AS row CREATE (:Restored)-[r:$(row[2])]->(:Restored) SET r = row[3]
RETURN row[0], row[1], type(r), properties(r)"""


@contextmanager
def connected(stage: str, settings: Settings, source: Source) -> Iterator[Neo4j]:
    """@raise Failed with what the server said."""
    given = source.given
    server = Neo4j(given["host"], given["user"], settings.secret(given["password"]), timeout=120)
    try:
        yield server
    except (OSError, Refused) as error:
        raise Failed(stage, f"{source.title}: {error}") from None
    finally:
        server.close()


def take(settings: Settings, source: Source, to: Path, scratch: Path) -> Part:
    """
    A page is read as it is at its turn: there is no moment that all of them show. Of a relationship that came
    meanwhile, with a node that came behind its turn, nothing is kept.
    """
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    found: Facts = {}
    known: set[str] = set()
    with connected("dump", settings, source) as server, to.open("w") as file:
        version = server.rows("CALL dbms.components() YIELD versions RETURN versions[0]")[0][0]
        file.write(json.dumps({"schema": schema(server)}) + "\n")
        for page in nodes(server):
            known |= {plain(row[0]) for row in page}
            count(found, page)
            file.write(json.dumps({"nodes": page}) + "\n")
        for page in relationships(server):
            whole = [row for row in page if plain(row[0]) in known and plain(row[1]) in known]
            count(found, whole)
            file.write(json.dumps({"relationships": whole}) + "\n")
    return {"snapshot": at, "database": "neo4j", "server": version, "schema": "", "tables": found}


def count(facts: Facts, page: list[Row]) -> None:
    """By labels, and by type. Independent of their order."""
    for row in page:
        name = f"[:{plain(row[2])}]" if len(row) == 4 else f"(:{':'.join(sorted(plain(row[1])))})"
        before: Fact = facts.get(name, {"rows": 0, "checksum": "0", "newest": None, "newer": 0})
        digest = hashlib.sha256(json.dumps(row, sort_keys=True).encode()).digest()
        checksum = (int(before["checksum"], 16) + int.from_bytes(digest[:8])) % 2**64
        facts[name] = {**before, "rows": before["rows"] + 1, "checksum": f"{checksum:016x}"}


def restored(settings: Settings, source: Source, path: Path, part: Part, folder: Path) -> Part:
    found: Facts = {}
    known: set[str] = set()
    with connected("restore", settings, source) as server, path.open() as file:
        for line in file:
            told = json.loads(line)
            if "schema" in told:
                continue
            rows = told.get("nodes") or told.get("relationships", [])
            statement = NODES if "nodes" in told else RELATIONSHIPS
            with server.transaction(keep=False) as transaction:
                again = transaction.typed_rows(statement, rows=[typed(row) for row in rows])
            if "nodes" in told:
                known |= {plain(row[0]) for row in again}
            elif lost := [end for row in again for end in map(plain, row[:2]) if end not in known]:
                raise Failed("restore", f"{source.title}: a relationship leads to {lost[0]}, and there is no such node")
            count(found, again)
    return {"tables": found}


def differences(part: Part, found: Part) -> list[str]:
    return compare.differences(part["tables"], found["tables"])


def rows(part: Part) -> int:
    return compare.total(part["tables"])


def described(part: Part) -> str:
    return f"{rows(part)} nodes and relationships"


def facts(at: str, since: str) -> str:
    raise Failed("compare", "a graph has no times: a backup is not compared with what runs")


def tables(answer: str) -> Facts:
    raise Failed("compare", "a graph has no times: a backup is not compared with what runs")
