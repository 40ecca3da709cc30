"""The samples in the database. What both MongoDB 7 and FerretDB 1.24 speak, and no more: no $avg, no $lookup, no
transactions, no indexes that expire, are partial or hold text; looked up by _id wherever there is one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

Document = dict[str, Any]

#: Collection of their vectors. They are of this version of the analysis: another one has a collection of its own.
VECTORS = "samples-1"
#: How long an analysis may be silent before another worker takes it over; it speaks up far more often.
LEASE = timedelta(seconds=30)
#: A sample whose analysis ended its process so often is not tried again.
ATTEMPTS = 3

#: What of a document is shown, in this order.
SHOWN = ("name", "size", "type", "state", "error", "created", "duration", "tempo", "key", "loudness", "features")


class Claim(StrEnum):
    MINE = "mine"
    BUSY = "busy"  # another worker analyses it
    DONE = "done"  # there is nothing to do, or no such sample
    HOPELESS = "hopeless"  # it was begun ATTEMPTS times and never ended


def now() -> datetime:
    """As it is stored: in milliseconds."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def shown(document: Document) -> Document:
    """A sample as the interface gives it."""
    sample = {"id": document["_id"]} | {name: document.get(name) for name in SHOWN}
    return sample | {
        "created": document["created"].isoformat(timespec="milliseconds"),
        "description": document.get("description"),
    }


class Samples:
    """Raises what pymongo raises."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._samples = database["samples"]
        self._keys = database["keys"]
        self._statistics = database["statistics"]

    async def prepare(self) -> None:
        """Makes the indexes that are not there."""
        await self._samples.create_index([("state", ASCENDING)])
        await self._keys.create_index([("created", ASCENDING)])

    # Uploads

    async def remember(self, key: str, sample: str) -> str:
        """The sample of an idempotency key: `sample` the first time, and the same ever after."""
        try:
            await self._keys.insert_one({"_id": key, "sample": sample, "created": now()})
        except DuplicateKeyError:
            found = await self._keys.find_one({"_id": key})
            # Forgotten in between: as good as new.
            return str(found["sample"]) if found else sample
        return sample

    async def forget_keys(self, before: datetime) -> int:
        return (await self._keys.delete_many({"created": {"$lt": before}})).deleted_count

    async def add(self, sample: str, name: str, size: int, kind: str, by: str) -> Document:
        """The new sample, or the one that has this id already."""
        document: Document = {
            "_id": sample,
            "name": name,
            "size": size,
            "type": kind,
            "by": by,
            "state": "waiting",
            "queued": now(),
            "error": None,
            "created": now(),
            "attempts": 0,
            "analyses": 0,
        }
        try:
            await self._samples.insert_one(document)
        except DuplicateKeyError:
            return await self.get(sample) or document
        return document

    # Questions

    async def get(self, sample: str) -> Document | None:
        return await self._samples.find_one({"_id": sample})

    async def many(self, samples: Iterable[str]) -> dict[str, Document]:
        found = self._samples.find({"_id": {"$in": list(samples)}}, {"peaks": 0, "vector": 0})
        return {document["_id"]: document async for document in found}

    async def search(
        self,
        limit: int,
        text: str = "",
        key: str = "",
        tempo: tuple[float | None, float | None] = (None, None),
        before: str = "",
    ) -> list[Document]:
        """The newest first; `before` is the id of the last one that was seen."""
        wanted: Document = {}
        if text:
            pattern = {"$regex": re.escape(text), "$options": "i"}
            wanted["$or"] = [{"name": pattern}, {"description": pattern}]
        if key:
            wanted["key"] = key
        bounds = {name: value for name, value in zip(("$gte", "$lte"), tempo, strict=True) if value is not None}
        if bounds:
            wanted["tempo"] = bounds
        if before:
            wanted["_id"] = {"$lt": before}
        found = self._samples.find(wanted, {"peaks": 0, "vector": 0}).sort("_id", DESCENDING).limit(limit)
        return await found.to_list()

    async def all(self, *fields: str) -> AsyncIterator[Document]:
        async for document in self._samples.find({}, dict.fromkeys(("_id", *fields), 1)):
            yield document

    async def delete(self, sample: str) -> bool:
        return (await self._samples.delete_one({"_id": sample})).deleted_count == 1

    # The analysis: of those who begin one, one is the owner, and what others write has no effect.

    async def claim(self, sample: str, owner: str) -> tuple[Claim, Document | None]:
        moment = now()
        mine = await self._samples.find_one_and_update(
            {
                "_id": sample,
                "$or": [{"state": "waiting"}, {"state": "analysing", "lease": {"$lt": moment}}],
                "attempts": {"$lt": ATTEMPTS},
            },
            {
                "$set": {"state": "analysing", "owner": owner, "lease": moment + LEASE, "queued": moment},
                "$inc": {"attempts": 1},
            },
            return_document=ReturnDocument.AFTER,
        )
        if mine:
            return Claim.MINE, mine
        found = await self.get(sample)
        if found is None or found["state"] in ("ready", "failed"):
            return Claim.DONE, found
        if found["attempts"] >= ATTEMPTS and found.get("lease", moment) <= moment:
            return Claim.HOPELESS, found
        return Claim.BUSY, found

    async def renew(self, sample: str, owner: str) -> bool:
        """Whether the owner still is one."""
        changed = await self._samples.update_one(_owned(sample, owner), {"$set": {"lease": now() + LEASE}})
        return changed.matched_count == 1

    async def finish(self, sample: str, owner: str, result: Document) -> bool:
        change = {"$set": {**result, "state": "ready", "error": None}, "$inc": {"analyses": 1}}
        return (await self._samples.update_one(_owned(sample, owner), change)).matched_count == 1

    async def fail(self, sample: str, owner: str | None, reason: str) -> bool:
        """Without an owner: whoever had it last is gone."""
        held = _owned(sample, owner) if owner else {"_id": sample, "state": {"$in": ["waiting", "analysing"]}}
        change = {"$set": {"state": "failed", "error": reason[:500]}, "$inc": {"analyses": 1}}
        return (await self._samples.update_one(held, change)).matched_count == 1

    async def release(self, sample: str, owner: str) -> bool:
        """Back to waiting, as if it had not been begun: what it needs is away."""
        change = {"$set": {"state": "waiting", "queued": now()}, "$inc": {"attempts": -1}}
        return (await self._samples.update_one(_owned(sample, owner), change)).matched_count == 1

    async def describe(self, sample: str, text: str) -> None:
        await self._samples.update_one({"_id": sample}, {"$set": {"description": text}})

    async def overdue(self, after: timedelta, most: int = 500) -> list[str]:
        """Samples whose job was lost: that wait for longer than `after`, or whose analysis fell silent."""
        moment = now()
        found = self._samples.find(
            {
                "$or": [
                    {"state": "waiting", "queued": {"$lt": moment - after}},
                    {"state": "analysing", "lease": {"$lt": moment}},
                ]
            },
            {"_id": 1},
        ).limit(most)
        return [document["_id"] async for document in found]

    async def queued(self, samples: list[str]) -> None:
        """They were queued just now."""
        await self._samples.update_many({"_id": {"$in": samples}, "state": "waiting"}, {"$set": {"queued": now()}})

    # Statistics

    async def count(self) -> Document:
        """Counts everything: for the job that does so now and then."""
        # One sum each: FerretDB 1.24 gives nought for the second one of a group.
        states = await self._groups([{"$group": {"_id": "$state", "n": {"$sum": 1}}}])
        seconds = await self._groups([{"$group": {"_id": None, "n": {"$sum": "$duration"}}}])
        keys = await self._groups(
            [{"$match": {"state": "ready"}}, {"$group": {"_id": "$key", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}]
        )
        number = {group["_id"]: group["n"] for group in states}
        return {
            "samples": sum(number.values()),
            "ready": number.get("ready", 0),
            "failed": number.get("failed", 0),
            "seconds": round(float(sum(group["n"] for group in seconds)), 1),
            "by_key": {group["_id"]: group["n"] for group in keys if group["_id"]},
            "made_at": now(),
        }

    async def _groups(self, pipeline: list[Document]) -> list[Document]:
        return [group async for group in await self._samples.aggregate(pipeline)]

    async def keep_statistics(self, counted: Document) -> None:
        await self._statistics.replace_one({"_id": "latest"}, counted, upsert=True)

    async def statistics(self) -> Document:
        """What was counted last; nought where nothing was."""
        nothing: Document = {"samples": 0, "ready": 0, "failed": 0, "seconds": 0.0, "by_key": {}, "made_at": None}
        found = await self._statistics.find_one({"_id": "latest"}, {"_id": 0}) or nothing
        made = found["made_at"]
        return {name: found[name] for name in nothing} | {"made_at": made and made.isoformat(timespec="milliseconds")}


def _owned(sample: str, owner: str) -> Document:
    return {"_id": sample, "state": "analysing", "owner": owner}
