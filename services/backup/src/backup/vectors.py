"""
Chroma: its collections as lines of JSON, one with what a collection is made with, then its records in pages. They are
restored beside what runs, into a database of their own that goes again.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from berth.chroma_admin import TENANTS, Chroma

from . import compare
from .manifest import Fact, Facts, Part
from .settings import Failed, Settings, Source
from .whole import stream

__all__ = ["stream"]
BESIDE = "restored"
WHOLE = ("embeddings", "metadatas", "documents")


@contextmanager
def connected(stage: str, source: Source, **database: str) -> Iterator[Chroma]:
    """@raise Failed with what the server said."""
    server = Chroma(source.given["host"], source.given["port"], timeout=120, **database)
    try:
        yield server
    except (OSError, ValueError) as error:
        raise Failed(stage, f"{source.title}: {error}") from None
    finally:
        server.close()


def take(settings: Settings, source: Source, to: Path, scratch: Path) -> Part:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    found: Facts = {}
    with connected("dump", source) as server, to.open("w") as file:
        for collection in server.collections():
            like = {key: collection.get(key) for key in ("name", "metadata", "configuration_json")}
            file.write(json.dumps(like) + "\n")
            pages = []
            for page in server.pages(collection["id"], *WHOLE):
                file.write(json.dumps(page) + "\n")
                pages.append(page)
            found[collection["name"]] = fact(iter(pages))
    return {"snapshot": at, "database": "default_database", "schema": "", "tables": found}


def fact(pages: Iterator[dict[str, Any]]) -> Fact:
    """Independent of the order of the records."""
    rows = checksum = 0
    for page in pages:
        whole = (page.get(key) or [None] * len(page["ids"]) for key in WHOLE)
        for record in zip(page["ids"], *whole, strict=True):
            rows += 1
            text = json.dumps(record, sort_keys=True).encode()
            checksum = (checksum + int.from_bytes(hashlib.sha256(text).digest()[:8])) % 2**64
    return {"rows": rows, "checksum": f"{checksum:016x}", "newest": None, "newer": 0}


def restored(settings: Settings, source: Source, path: Path, part: Part, folder: Path) -> Part:
    with connected("restore", source, database=BESIDE) as server:
        drop(server)
        server.ask("POST", TENANTS, {"name": BESIDE})
        try:
            fill(server, path)
            collections = server.collections()
            return {
                "tables": {
                    collection["name"]: fact(server.pages(collection["id"], *WHOLE)) for collection in collections
                }
            }
        finally:
            drop(server)


def drop(server: Chroma) -> None:
    """The database beside what runs, where there is one."""
    with suppress(ValueError):
        for collection in server.collections():
            server.ask("DELETE", f"{server.base}/collections/{collection['name']}")
        server.ask("DELETE", server.base)


def fill(server: Chroma, path: Path) -> None:
    id = ""
    with path.open() as file:
        for line in file:
            told = json.loads(line)
            if "name" in told:
                id = server.collection(told)
            else:
                server.put(id, told)


def differences(part: Part, found: Part) -> list[str]:
    return compare.differences(part["tables"], found["tables"])


def rows(part: Part) -> int:
    return compare.total(part["tables"])


def described(part: Part) -> str:
    return f"{rows(part)} records"


def facts(at: str, since: str) -> str:
    raise Failed("compare", "records have no times: a backup is not compared with what runs")


def tables(answer: str) -> Facts:
    raise Failed("compare", "records have no times: a backup is not compared with what runs")
