"""What Samples needs of a database, one case for each operation: true of MongoDB, of FerretDB and of the fake."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from samplemind.names import new_id
from samplemind.samples import ATTEMPTS, Claim, Samples, now

RESULT = {
    "duration": 2.5,
    "tempo": 120.0,
    "key": "A minor",
    "loudness": -20.0,
    "features": {"rms": -3.5},
    "peaks": [1, 2],
    "vector": [0.5, -1.0],
}
Case = Callable[[Samples], Awaitable[None]]
CASES: list[Case] = []


def case(function: Case) -> Case:
    CASES.append(function)
    return function


async def add(samples: Samples, name: str = "a.wav") -> str:
    return str((await samples.add(new_id(), name, 10, "wav", "a@example.com"))["_id"])


async def ready(samples: Samples, name: str = "a.wav", **result: object) -> str:
    sample = await add(samples, name)
    assert (await samples.claim(sample, "me"))[0] is Claim.MINE
    assert await samples.finish(sample, "me", RESULT | result)
    return sample


@case
async def a_sample_is_added_once(samples: Samples) -> None:
    sample = await add(samples)
    again = await samples.add(sample, "other.wav", 11, "mp3", "b@example.com")
    assert (again["name"], again["size"]) == ("a.wav", 10)
    found = await samples.get(sample)
    assert found and found["state"] == "waiting" and found["created"].utcoffset() == timedelta(0)
    assert await samples.get(new_id()) is None


@case
async def a_key_means_the_same_sample_for_ever_until_it_is_forgotten(samples: Samples) -> None:
    assert await samples.remember("key", "one") == "one"
    assert await samples.remember("key", "two") == "one"
    assert await samples.forget_keys(now() - timedelta(hours=1)) == 0
    assert await samples.forget_keys(now() + timedelta(hours=1)) == 1
    assert await samples.remember("key", "two") == "two"


@case
async def of_many_who_claim_at_once_one_is_the_owner(samples: Samples) -> None:
    sample = await add(samples)
    claims = await asyncio.gather(*(samples.claim(sample, f"worker {n}") for n in range(8)))
    assert sorted(claim for claim, _ in claims) == [Claim.BUSY] * 7 + [Claim.MINE]


@case
async def only_the_owner_has_an_effect(samples: Samples) -> None:
    sample = await add(samples)
    await samples.claim(sample, "me")
    assert await samples.renew(sample, "me") and not await samples.renew(sample, "other")
    assert not await samples.finish(sample, "other", RESULT)
    assert not await samples.fail(sample, "other", "no")
    assert await samples.finish(sample, "me", RESULT)
    assert not await samples.finish(sample, "me", RESULT), "once"
    found = await samples.get(sample)
    assert found and (found["state"], found["analyses"], found["key"]) == ("ready", 1, "A minor")
    assert (await samples.claim(sample, "me"))[0] is Claim.DONE


@case
async def who_is_silent_loses_it_and_after_some_times_it_is_hopeless(samples: Samples) -> None:
    sample = await add(samples)
    for attempt in range(ATTEMPTS):
        assert (await samples.claim(sample, f"worker {attempt}"))[0] is Claim.MINE
        assert (await samples.claim(sample, "other"))[0] is Claim.BUSY
        await samples._samples.update_one({"_id": sample}, {"$set": {"lease": now() - timedelta(seconds=1)}})
        assert await samples.overdue(timedelta(hours=1)) == [sample]
    assert (await samples.claim(sample, "other"))[0] is Claim.HOPELESS
    assert await samples.fail(sample, None, "x" * 1000)
    found = await samples.get(sample)
    assert found and (found["state"], len(found["error"])) == ("failed", 500)


@case
async def what_is_released_waits_as_if_nothing_had_been(samples: Samples) -> None:
    sample = await add(samples)
    for _ in range(ATTEMPTS + 2):
        assert (await samples.claim(sample, "me"))[0] is Claim.MINE
        assert await samples.release(sample, "me")
    assert not await samples.release(sample, "me")


@case
async def what_waits_for_long_is_overdue_until_it_is_queued_again(samples: Samples) -> None:
    await samples.prepare()
    sample = await add(samples)
    assert await samples.overdue(timedelta(minutes=1)) == []
    assert await samples.overdue(timedelta(minutes=-1)) == [sample]
    before = await samples.get(sample)
    await asyncio.sleep(0.01)
    await samples.queued([sample])
    after = await samples.get(sample)
    assert before and after and after["queued"] > before["queued"]


@case
async def the_search_is_by_text_key_tempo_and_page(samples: Samples) -> None:
    one = await ready(samples, "Kick (loud).wav")
    two = await ready(samples, "snare.wav", key="C major", tempo=90.5)
    three = await ready(samples, "kick soft.wav", tempo=None)
    ids = lambda documents: [document["_id"] for document in documents]  # noqa: E731
    assert ids(await samples.search(10)) == sorted((one, two, three), reverse=True)
    assert set(ids(await samples.search(10, text="KICK"))) == {one, three}
    assert ids(await samples.search(10, text="(loud)")) == [one], "a text, not a pattern"
    assert ids(await samples.search(10, key="C major")) == [two]
    assert ids(await samples.search(10, tempo=(90, 100))) == [two]
    assert ids(await samples.search(10, tempo=(None, 90))) == []
    newest = ids(await samples.search(1))
    assert ids(await samples.search(5, before=newest[0])) == sorted({one, two, three} - set(newest), reverse=True)
    assert "vector" not in (await samples.search(1))[0]
    await samples.describe(two, "A dry Snare")
    assert ids(await samples.search(10, text="dry snare")) == [two]


@case
async def many_are_found_by_id_and_all_are_listed(samples: Samples) -> None:
    one, two = await ready(samples), await add(samples)
    found = await samples.many([one, new_id()])
    assert list(found) == [one] and "peaks" not in found[one]
    assert {d["_id"]: d["state"] async for d in samples.all("state")} == {one: "ready", two: "waiting"}


@case
async def a_sample_is_deleted_once(samples: Samples) -> None:
    sample = await add(samples)
    assert await samples.delete(sample) and not await samples.delete(sample)


@case
async def statistics_are_counted_and_kept(samples: Samples) -> None:
    assert (await samples.statistics())["made_at"] is None
    await ready(samples)
    await ready(samples, key=None, tempo=None)
    await samples.fail(await add(samples), None, "no")
    counted = await samples.count()
    await samples.keep_statistics(counted)
    await samples.keep_statistics(counted)
    kept = await samples.statistics()
    assert {name: kept[name] for name in ("samples", "ready", "failed", "seconds", "by_key")} == {
        "samples": 3,
        "ready": 2,
        "failed": 1,
        "seconds": 5.0,
        "by_key": {"A minor": 1},
    }
    assert kept["made_at"].endswith("+00:00")
