"""What the jobs do. A job may be delivered twice, and its worker may die at any line: of all who begin the analysis of
a sample one is its owner in the database, and only what the owner writes has an effect."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from celery.exceptions import SoftTimeLimitExceeded

from berth.chroma import Chroma, ChromaAway
from berth.mongo import Mongo
from samplemind.audio.analysis import Analysis, analyse
from samplemind.audio.decode import Unreadable
from samplemind.describe import describe
from samplemind.names import ID
from samplemind.samples import VECTORS, Claim, Document, Samples, now
from samplemind.settings import Settings
from samplemind.uploads import INCOMING

log = logging.getLogger("samplemind.jobs")

RENEW = 5.0  # seconds
FORGET_KEYS = timedelta(days=7)
#: What is younger may belong to an upload under way.
ORPHAN_AGE = 3600.0  # seconds
PAGE = 500


class Busy(Exception):
    """Another worker analyses the sample now."""


@dataclass
class Stores:
    samples: Samples
    chroma: Chroma


@contextlib.asynccontextmanager
async def stores(settings: Settings) -> AsyncIterator[Stores]:
    """For one job: connections do not outlive the loop that made them."""
    mongo, chroma = Mongo(settings.mongo_database), Chroma(VECTORS)
    try:
        yield Stores(Samples(mongo.database), chroma)
    finally:
        await chroma.close()
        await mongo.close()


class Stopped(Exception):
    """Nobody waits for the analysis any more."""


async def analyse_sample(
    settings: Settings, has: Stores, sample: str, owner: str, examine: Callable[..., Analysis] = analyse
) -> tuple[str, float]:
    """What became of it (ready, failed, or skipped if there was nothing to do), and the seconds of sound.

    Raises Busy, and what says that a store is away: then nothing has happened."""
    claim, document = await has.samples.claim(sample, owner)
    if claim is Claim.BUSY:
        raise Busy
    if claim is Claim.DONE or document is None:
        return "skipped", 0.0
    if claim is Claim.HOPELESS:
        await has.samples.fail(sample, None, f"its analysis ended its process {document['attempts']} times")
        return "failed", 0.0
    try:
        await has.chroma.check()  # before the work, which would be for nothing
        result = await _examined(settings, has.samples, sample, owner, examine)
        await has.chroma.upsert([sample], [result.vector])
    except ChromaAway:
        await has.samples.release(sample, owner)
        raise
    except Stopped:
        return "skipped", 0.0
    except FileNotFoundError:
        return await _failed(has, sample, owner, "its file is gone")
    except Unreadable as error:
        return await _failed(has, sample, owner, str(error))
    except MemoryError:
        return await _failed(has, sample, owner, "its analysis takes more memory than it may have")
    except (SoftTimeLimitExceeded, *Mongo.away):
        raise
    except Exception as error:  # whatever else goes wrong is this sample's result
        log.exception("the analysis failed", extra={"sample": sample})
        return await _failed(has, sample, owner, f"its analysis failed ({type(error).__name__})")
    if not await has.samples.finish(sample, owner, asdict(result)):
        if await has.samples.get(sample) is None:
            await has.chroma.delete([sample])  # deleted meanwhile
        return "skipped", 0.0
    text = await describe(settings, document | asdict(result))
    if text:
        await has.samples.describe(sample, text)
    return "ready", result.duration


async def _failed(has: Stores, sample: str, owner: str, reason: str) -> tuple[str, float]:
    return ("failed" if await has.samples.fail(sample, owner, reason) else "skipped"), 0.0


async def _examined(
    settings: Settings, samples: Samples, sample: str, owner: str, examine: Callable[..., Analysis]
) -> Analysis:
    """In a thread, while this one says that the owner is alive."""
    stop = threading.Event()

    def each_second() -> None:
        if stop.is_set():
            raise Stopped

    path = settings.samples_dir / sample
    work = asyncio.create_task(asyncio.to_thread(examine, path, settings.analysis_longest, each_second))
    try:
        while not (await asyncio.wait({work}, timeout=RENEW))[0]:
            if not await _still_owned(samples, sample, owner):
                stop.set()
        return await work
    finally:
        stop.set()


async def _still_owned(samples: Samples, sample: str, owner: str) -> bool:
    try:
        return await samples.renew(sample, owner)
    except Mongo.away as error:
        # Another worker may take over meanwhile; then what this one finds has no effect.
        log.warning("the analysis could not be prolonged: %s", type(error).__name__, extra={"sample": sample})
        return True


async def give_up(settings: Settings, has: Stores, sample: str, owner: str) -> tuple[str, float]:
    return await _failed(has, sample, owner, f"its analysis took longer than {settings.task_soft_time_limit} s")


async def requeue(settings: Settings, has: Stores, queue_length: int) -> list[str]:
    """The samples whose jobs are to be sent again."""
    await has.samples.prepare()
    overdue = await has.samples.overdue(timedelta(seconds=settings.requeue_after))
    # While as many jobs wait as samples, none was lost: the workers are slower than the uploads.
    if queue_length >= len(overdue):
        return []
    await has.samples.queued(overdue)
    return overdue


async def count(has: Stores) -> Document:
    counted = await has.samples.count()
    await has.samples.keep_statistics(counted)
    return counted


async def clean_up(settings: Settings, has: Stores) -> dict[str, int]:
    """Removes what belongs to no sample, and makes up for vectors that are missing."""
    # Files first, then documents: one that comes between has a document, or is too young.
    files = await asyncio.to_thread(_old_files, settings.samples_dir)
    known: dict[str, str] = {d["_id"]: d["state"] async for d in has.samples.all("state")}
    dead = [file for file in files if file.parent.name == INCOMING or file.name not in known]
    for file in dead:
        file.unlink(missing_ok=True)
    vectors: set[str] = set()
    while page := await has.chroma.page(len(vectors), PAGE):
        vectors.update(page)
    # A sample whose analysis is under way has a vector before it is ready.
    lost = sorted(vectors - known.keys())
    for start in range(0, len(lost), PAGE):
        await has.chroma.delete(lost[start : start + PAGE])
    missing = sorted(sample for sample, state in known.items() if state == "ready" and sample not in vectors)
    for sample in missing:
        document = await has.samples.get(sample)
        if document and document.get("vector"):
            await has.chroma.upsert([sample], [document["vector"]])
    keys = await has.samples.forget_keys(now() - FORGET_KEYS)
    return {"files": len(dead), "vectors": len(lost), "vectors_made": len(missing), "keys": keys}


def _old_files(folder: Path) -> list[Path]:
    old = time.time() - ORPHAN_AGE
    files = [file for file in folder.glob("*") if ID.fullmatch(file.name)]
    files += list((folder / INCOMING).glob("*"))
    found = []
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            if file.stat().st_mtime < old:
                found.append(file)
    return found
