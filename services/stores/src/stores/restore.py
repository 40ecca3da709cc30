"""
Puts what a backup holds over what runs: what it has is as it was then, and what came later is gone. Nothing is missing
meanwhile. What the backup knows nothing of, such as a collection that is new, stays.
"""

import hashlib
import json
import tarfile
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, Any, TypeVar

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.database import Database

from berth.chroma_admin import PAGE, Chroma
from berth.neo4j_admin import NOTES, Neo4j, Refused, plain, typed

RAW = CodecOptions(document_class=RawBSONDocument)
Documents = Database[Any]
Item = TypeVar("Item")


def mongo(stream: IO[bytes], database: Documents) -> None:
    """@param stream A tar in the layout of mongodump: `<database>/<collection>.bson` and `….metadata.json`."""
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file
            name = member.name.split("/", 1)[1]
            if name.endswith(".metadata.json"):
                make_indexes(database, name.removesuffix(".metadata.json"), json.load(file)["indexes"])
            else:
                replace_documents(database, name.removesuffix(".bson"), file)


def make_indexes(database: Documents, collection: str, indexes: list[dict[str, Any]]) -> None:
    for index in indexes:
        if index["name"] != "_id_":
            options = {key: index[key] for key in ("name", "unique", "sparse") if key in index}
            # Backups of before December 2026 have the fields as pairs.
            fields = index["key"].items() if isinstance(index["key"], dict) else map(tuple, index["key"])
            database[collection].create_index(list(fields), **options)


def replace_documents(database: Documents, collection: str, file: IO[bytes]) -> None:
    """What is as it was is not written: FerretDB reads a whole collection for each document that it replaces."""
    place = database[collection]
    raw: Collection[Any] = database.get_collection(collection, codec_options=RAW)
    there = {repr(one["_id"]): (one["_id"], hashlib.sha256(one.raw).digest()) for one in raw.find()}
    for some in batched(bson.decode_file_iter(file, RAW), PAGE):
        known = [(one, there.pop(repr(one["_id"]), None)) for one in some]
        missing = [one for one, found in known if found is None]
        changed = [one for one, found in known if found and found[1] != hashlib.sha256(one.raw).digest()]
        if missing:
            raw.insert_many(missing)
        for one in changed:
            place.replace_one({"_id": one["_id"]}, one)
    for ids in batched([id for id, _ in there.values()], PAGE):
        place.delete_many({"_id": {"$in": ids}})


def chroma(stream: IO[bytes], server: Chroma) -> None:
    """@param stream Lines of JSON: a collection with what it is made with, then its records in pages."""
    id, kept = "", set[str]()
    for line in stream:
        told = json.loads(line)
        if "name" in told:
            drop_later(server, id, kept)
            id, kept = server.collection(told), set()
        else:
            kept.update(told["ids"])
            server.put(id, told)
    drop_later(server, id, kept)


def drop_later(server: Chroma, id: str, kept: set[str]) -> None:
    """@param id Of a collection; empty: there is none yet."""
    later = [one for page in server.pages(id) for one in page["ids"] if one not in kept] if id else []
    for ids in batched(later, PAGE):
        server.drop(id, ids)


#: Of Neo4j: what is there already, by this name or another.
THERE = ("EquivalentSchemaRuleAlreadyExists", "ConstraintAlreadyExists", "IndexAlreadyExists")
NODES = "UNWIND $rows AS row CREATE (n:$(row[1])) SET n = row[2] RETURN elementId(n)"
RELATIONSHIPS = """UNWIND $rows AS row MATCH (a), (b) WHERE elementId(a) = row[0] AND elementId(b) = row[1]
CREATE (a)-[r:$(row[2])]->(b) SET r = row[3]"""


def neo4j(stream: IO[bytes], server: Neo4j) -> None:
    """@param stream Lines of JSON: statements that make the schema, then pages of nodes, then of relationships."""
    now: dict[str, Any] = {}
    lines = (json.loads(line) for line in stream)
    first = next(lines)
    for statement in first["schema"]:
        try:
            server.rows(statement)
        except Refused as error:
            if not error.code.endswith(THERE):
                raise
    with server.transaction(keep=True) as transaction:
        transaction.typed_rows(f"MATCH (n) WHERE NOT n:{NOTES} DETACH DELETE n")
        for told in lines:
            if "nodes" in told:
                made = transaction.typed_rows(NODES, rows=listed(told["nodes"]))
                now |= {plain(row[0]): id[0] for row, id in zip(told["nodes"], made, strict=True)}
            else:
                ends = [[now[plain(row[0])], now[plain(row[1])], *row[2:]] for row in told["relationships"]]
                transaction.typed_rows(RELATIONSHIPS, rows=listed(ends))


def listed(rows: list[list[Any]]) -> list[Any]:
    return [typed(row) for row in rows]


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
