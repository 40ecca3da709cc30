"""Stand-ins for what the tests without a service need: they know what samples.py asks of a database, and no more.
tests/contract holds the one of MongoDB to what the real ones do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

from pymongo.errors import DuplicateKeyError, OperationFailure, ServerSelectionTimeoutError
from redis.exceptions import OutOfMemoryError

from berth.chroma import Chroma, ChromaAway
from berth.mongo import Mongo
from berth.redis import Redis

Document = dict[str, Any]

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$lt": lambda value, bound: value is not None and value < bound,
    "$lte": lambda value, bound: value is not None and value <= bound,
    "$gte": lambda value, bound: value is not None and value >= bound,
    "$in": lambda value, allowed: value in allowed,
}


def matches(document: Document, wanted: Document) -> bool:
    for name, condition in wanted.items():
        if name == "$or":
            good = any(matches(document, one) for one in condition)
        elif isinstance(condition, dict) and "$regex" in condition:
            assert condition["$options"] == "i"
            if "\0" in condition["$regex"]:
                raise OperationFailure("Regular expression cannot contain an embedded null byte", 2)
            good = re.search(condition["$regex"], document.get(name) or "", re.IGNORECASE) is not None
        elif isinstance(condition, dict):
            good = all(COMPARE[operator](document.get(name), bound) for operator, bound in condition.items())
        else:
            good = document.get(name) == condition
        if not good:
            return False
    return True


def projected(document: Document, fields: Document | None) -> Document:
    if not fields:
        return dict(document)
    shown = {name for name, on in fields.items() if on}
    if shown:
        return {name: value for name, value in document.items() if name in shown or name == "_id"}
    return {name: value for name, value in document.items() if name not in fields}


class Result:
    def __init__(self, number: int) -> None:
        self.matched_count = self.deleted_count = number


class Cursor:
    def __init__(self, documents: list[Document]) -> None:
        self._documents = documents

    def sort(self, name: str, direction: int) -> Cursor:
        self._documents.sort(key=lambda document: document[name], reverse=direction < 0)
        return self

    def limit(self, most: int) -> Cursor:
        self._documents = self._documents[:most]
        return self

    async def to_list(self) -> list[Document]:
        return self._documents

    async def __aiter__(self) -> AsyncIterator[Document]:
        for document in self._documents:
            yield document


class Collection:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.documents: dict[str, Document] = {}

    def _found(self, wanted: Document) -> list[Document]:
        if self._database.away:
            raise ServerSelectionTimeoutError("nobody listens")
        return [document for document in self.documents.values() if matches(document, wanted)]

    def _change(self, document: Document, change: Document) -> None:
        document.update(change.get("$set", {}))
        for name, more in change.get("$inc", {}).items():
            document[name] = document.get(name, 0) + more

    async def create_index(self, keys: list[tuple[str, int]]) -> None:
        self._found({})

    async def insert_one(self, document: Document) -> None:
        if self._found({"_id": document["_id"]}):
            raise DuplicateKeyError("E11000")
        self.documents[document["_id"]] = dict(document)

    async def find_one(self, wanted: Document, fields: Document | None = None) -> Document | None:
        found = self._found(wanted)
        without_id = {name: on for name, on in (fields or {}).items() if name != "_id" or on}
        document = projected(found[0], without_id) if found else None
        if document and fields and fields.get("_id") == 0:
            del document["_id"]
        return document

    def find(self, wanted: Document, fields: Document | None = None) -> Cursor:
        return Cursor([projected(document, fields) for document in self._found(wanted)])

    async def delete_one(self, wanted: Document) -> Result:
        found = self._found(wanted)[:1]
        for document in found:
            del self.documents[document["_id"]]
        return Result(len(found))

    async def delete_many(self, wanted: Document) -> Result:
        found = self._found(wanted)
        for document in found:
            del self.documents[document["_id"]]
        return Result(len(found))

    async def update_one(self, wanted: Document, change: Document) -> Result:
        found = self._found(wanted)[:1]
        for document in found:
            self._change(document, change)
        return Result(len(found))

    async def update_many(self, wanted: Document, change: Document) -> Result:
        found = self._found(wanted)
        for document in found:
            self._change(document, change)
        return Result(len(found))

    async def find_one_and_update(self, wanted: Document, change: Document, return_document: bool) -> Document | None:
        assert return_document, "after the change"
        found = self._found(wanted)
        if not found:
            return None
        self._change(found[0], change)
        return dict(found[0])

    async def replace_one(self, wanted: Document, document: Document, upsert: bool) -> None:
        assert upsert
        self._found({})
        self.documents[wanted["_id"]] = {"_id": wanted["_id"], **document}

    async def aggregate(self, pipeline: list[Document]) -> Cursor:
        documents = self._found({})
        for stage in pipeline:
            ((verb, what),) = stage.items()
            if verb == "$match":
                documents = [document for document in documents if matches(document, what)]
            elif verb == "$sort":
                documents = sorted(documents, key=lambda document: str(document["_id"]))
            else:
                assert verb == "$group" and list(what) == ["_id", "n"], "one sum each, as FerretDB has it"
                groups: dict[Any, float] = {}
                for document in documents:
                    key = what["_id"] and document.get(what["_id"][1:])
                    value = what["n"]["$sum"]
                    more = value if isinstance(value, int) else document.get(value[1:]) or 0
                    groups[key] = groups.get(key, 0) + more
                documents = [{"_id": key, "n": number} for key, number in groups.items()]
        return Cursor(documents)


class Database:
    def __init__(self) -> None:
        self.away = False
        self._collections: dict[str, Collection] = {}

    def __getitem__(self, name: str) -> Collection:
        return self._collections.setdefault(name, Collection(self))


class FakeMongo:
    name = Mongo.name
    away = Mongo.away

    def __init__(self) -> None:
        self.database = Database()

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self) -> None:
        await self.database["_"].find_one({})

    def observe(self) -> None: ...


class FakeChroma(FakeMongo):
    name = Chroma.name
    away = Chroma.away  # type: ignore[assignment]

    def __init__(self) -> None:
        self.vectors: dict[str, list[float]] = {}
        self.gone = False

    def _up(self) -> None:
        if self.gone:
            raise ChromaAway("nobody listens")

    async def check(self) -> None:
        self._up()

    async def upsert(self, ids: list[str], vectors: list[list[float]]) -> None:
        self._up()
        self.vectors.update(zip(ids, vectors, strict=True))

    async def near(self, vector: list[float], most: int) -> list[tuple[str, float]]:
        self._up()
        distances = {
            id: sum((a - b) ** 2 for a, b in zip(vector, other, strict=True)) for id, other in self.vectors.items()
        }
        return sorted(distances.items(), key=lambda pair: pair[1])[:most]

    async def delete(self, ids: list[str]) -> None:
        self._up()
        for id in ids:
            self.vectors.pop(id, None)

    async def page(self, offset: int, limit: int) -> list[str]:
        self._up()
        return sorted(self.vectors)[offset : offset + limit]


class RedisClient:
    """Counts and remembers; nothing of it ends."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self.away = False

    def _up(self) -> None:
        if self.away:
            raise OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")

    async def ping(self) -> None:
        self._up()

    async def set(self, name: str, value: str, ex: int) -> None:
        self._up()
        self.values[name] = int(value)

    async def exists(self, name: str) -> int:
        self._up()
        return int(name in self.values)

    def pipeline(self, transaction: bool) -> RedisClient:
        self._answers: list[int] = []
        return self

    async def __aenter__(self) -> RedisClient:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    def incr(self, name: str) -> None:
        self.values[name] = self.values.get(name, 0) + 1
        self._answers.append(self.values[name])

    def expire(self, name: str, seconds: int) -> None:
        self._answers.append(1)

    async def execute(self) -> list[int]:
        self._up()
        return self._answers


class FakeRedis(FakeMongo):
    name = Redis.name
    away = Redis.away  # type: ignore[assignment]

    def __init__(self) -> None:
        self.client = RedisClient()

    async def check(self) -> None:
        await self.client.ping()
