"""What a backup says of itself: the types of manifest.json, and of what facts.sql prints."""

from typing import TypedDict


class Fact(TypedDict):
    """What is known of one table."""

    rows: int
    checksum: str
    newest: str | None
    newer: int
    """Rows with a moment after that of the backup."""


Facts = dict[str, Fact]
"""Table -> facts."""


class File(TypedDict):
    bytes: int
    sha256: str


class Keys(TypedDict):
    keys: int
    version: str


class Database(TypedDict):
    snapshot: str
    """The moment that the backup shows."""
    server: str
    encoding: str
    schema: str
    tables: Facts


class Manifest(Database):
    id: str
    stack: str
    environment: str
    database: str
    began: float
    redis: Keys
    files: dict[str, File]
