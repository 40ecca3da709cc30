"""
Puts what a backup holds over what runs: what it has is as it was then, and what came later is gone. Nothing is missing
meanwhile. What the backup knows nothing of, such as a collection that is new, stays.
"""

import json
import tarfile
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, Any, TypeVar

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import DeleteOne, ReplaceOne
from pymongo.database import Database

from berth.chroma_admin import PAGE, Chroma

RAW = CodecOptions(document_class=RawBSONDocument)
Documents = Database[dict[str, Any]]
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
            database[collection].create_index([tuple(pair) for pair in index["key"]], **options)


def replace_documents(database: Documents, collection: str, file: IO[bytes]) -> None:
    kept = set[str]()
    for some in batched(bson.decode_file_iter(file, RAW), PAGE):
        kept.update(repr(document["_id"]) for document in some)
        database[collection].bulk_write([ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in some])
    later = (one["_id"] for one in database[collection].find({}, {"_id": 1}) if repr(one["_id"]) not in kept)
    for ids in batched(list(later), PAGE):
        database[collection].bulk_write([DeleteOne({"_id": id}) for id in ids])


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


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
