"""What a backup says of itself: the types of manifest.json, and of what facts.sql prints."""

import json
from typing import Any, TypedDict


class Fact(TypedDict):
    """What is known of one table."""

    rows: int
    checksum: str
    newest: str | None
    newer: int
    """Rows with a moment after that of the backup."""


Facts = dict[str, Fact]
"""Table -> facts."""

Part = dict[str, Any]
"""What a backup says of one store: `snapshot`, the moment that it shows, and what the store's module adds."""


class File(TypedDict):
    bytes: int
    sha256: str


class Manifest(TypedDict):
    id: str
    stack: str
    environment: str
    began: float
    snapshot: str
    """The moment that the backup shows: the earliest of its stores'."""
    stores: dict[str, Part]
    files: dict[str, File]


def parse(text: str) -> Manifest:
    """@raise ValueError where it is no manifest."""
    told = json.loads(text)
    if not isinstance(told, dict):
        raise ValueError("not an object")
    if "stores" in told or "tables" not in told:
        return told  # type: ignore[return-value]
    # Backups of before there were stores described one PostgreSQL and one Redis.
    keys = ("snapshot", "database", "server", "encoding", "schema", "tables")
    postgres = {key: told.pop(key) for key in keys if key in told}
    stores = {"postgres": postgres, "redis": told.pop("redis")}
    return {**told, "snapshot": postgres["snapshot"], "stores": stores}  # type: ignore[typeddict-item]
