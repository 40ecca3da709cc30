"""
MongoDB, and what speaks its protocol: a tar in the layout of mongodump, which mongorestore reads too. It is restored
beside what runs, into a database of its own that goes again.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from . import compare
from .manifest import Fact, Facts, Part
from .settings import Failed, Settings, Source
from .whole import stream

__all__ = ["stream"]

RAW = CodecOptions(document_class=RawBSONDocument)
Documents = Database[Any]
SOME = 500
"""Documents that are written at a time."""


@contextmanager
def connected(stage: str, settings: Settings, source: Source) -> Iterator[MongoClient[Any]]:
    """@raise Failed with what the server, or the driver, said."""
    given = source.given
    client: MongoClient[Any] = MongoClient(
        given["host"],
        username=given["user"],
        password=settings.secret(given["password"]),
        authSource="admin",
        appname="backup",
        serverSelectionTimeoutMS=10_000,
        tz_aware=True,
    )
    try:
        yield client
    except PyMongoError as error:
        raise Failed(stage, f"{source.title}: {error}") from None
    finally:
        client.close()


def names_of(database: Documents) -> list[str]:
    return sorted(name for name in database.list_collection_names() if not name.startswith("system."))


def take(settings: Settings, source: Source, to: Path, scratch: Path) -> Part:
    """A collection is read as it is at its turn: there is no moment that all of them show."""
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    name = source.given["database"]
    facts: Facts = {}
    with connected("dump", settings, source) as client, tarfile.open(to, "w") as archive:
        version = client.server_info()["version"]
        database = client[name]
        for collection in names_of(database):
            path = scratch / "collection.bson"
            with path.open("wb") as file:
                documents = database.get_collection(collection, codec_options=RAW).find()
                facts[collection] = fact(written(documents, file))
            archive.add(path, f"{name}/{collection}.bson")
            path.unlink()
            add_text(archive, f"{name}/{collection}.metadata.json", metadata(database, collection))
    return {"snapshot": at, "database": name, "server": version, "schema": "", "tables": facts}


def written(documents: Iterator[RawBSONDocument], file: IO[bytes]) -> Iterator[bytes]:
    for document in documents:
        raw = bytes(document.raw)
        file.write(raw)
        yield raw


def metadata(database: Documents, collection: str) -> str:
    indexes = [dict(index) for index in database[collection].list_indexes()]
    told = {"options": {}, "indexes": indexes, "collectionName": collection, "type": "collection"}
    return json.dumps(told, default=str)


def add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(text.encode())
    archive.addfile(member, io.BytesIO(text.encode()))


def fact(documents: Iterator[bytes]) -> Fact:
    """Independent of their order, which no server promises."""
    rows = checksum = 0
    for raw in documents:
        rows += 1
        checksum = (checksum + int.from_bytes(hashlib.sha256(raw).digest()[:8])) % 2**64
    return {"rows": rows, "checksum": f"{checksum:016x}", "newest": None, "newer": 0}


def restored(settings: Settings, source: Source, path: Path, part: Part, folder: Path) -> Part:
    with connected("restore", settings, source) as client:
        beside = f"{part['database']}_restored"
        client.drop_database(beside)
        try:
            fill(client[beside], path)
            names = names_of(client[beside])
            return {"tables": {name: fact(raw_of(client[beside], name)) for name in names}}
        finally:
            client.drop_database(beside)


def raw_of(database: Documents, collection: str) -> Iterator[bytes]:
    return (bytes(document.raw) for document in database.get_collection(collection, codec_options=RAW).find())


def fill(database: Documents, path: Path) -> None:
    with tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file
            name = member.name.split("/", 1)[1]
            if name.endswith(".metadata.json"):
                for index in json.load(file)["indexes"]:
                    make_index(database, name.removesuffix(".metadata.json"), index)
                continue
            collection = database[name.removesuffix(".bson")]
            some: list[RawBSONDocument] = []
            for document in bson.decode_file_iter(file, RAW):
                some.append(document)
                if len(some) == SOME:
                    collection.insert_many(some)
                    some = []
            if some:
                collection.insert_many(some)


def make_index(database: Documents, collection: str, index: dict[str, Any]) -> None:
    if index["name"] != "_id_":
        options = {key: index[key] for key in ("name", "unique", "sparse") if key in index}
        database[collection].create_index(fields_of(index), **options)
    elif collection not in database.list_collection_names():
        # One without documents is a collection all the same.
        database.create_collection(collection)


def fields_of(index: dict[str, Any]) -> list[tuple[str, Any]]:
    """Backups of before December 2026 have them as pairs, which mongorestore does not read."""
    key = index["key"]
    return list(key.items() if isinstance(key, dict) else map(tuple, key))


def differences(part: Part, found: Part) -> list[str]:
    return compare.differences(part["tables"], found["tables"])


def rows(part: Part) -> int:
    return compare.total(part["tables"])


def described(part: Part) -> str:
    return f"{rows(part)} documents"


def facts(at: str, since: str) -> str:
    raise Failed("compare", "documents have no common time: a backup is not compared with what runs")


def tables(answer: str) -> Facts:
    raise Failed("compare", "documents have no common time: a backup is not compared with what runs")
