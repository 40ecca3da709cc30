"""A run: take, store, fetch back, restore, compare; only then does it count. One at a time."""

import fcntl
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from . import compare
from . import state as states
from .manifest import File, Manifest, Part, parse
from .settings import Failed, Settings, Source
from .sources import module_of
from .store import ID, MANIFEST, VERIFIED, Backup, Store, sha256

Log = Callable[..., None]
Result = TypeVar("Result")


class Runner:
    def __init__(self, settings: Settings, log: Log):
        self.settings = settings
        self.log = log
        self.scratch = settings.work / "run"
        self.state_file = settings.work / "state.json"

    # What a person or the clock asks for.

    def run(self) -> str:
        """@return the id of a verified backup. @raise Failed, after which the stored ones are what they were."""
        with self._lock():
            return self._attempt(lambda store: self._verify(store, self._take(store), ends_a_run=True))

    def take(self) -> str:
        """Stores a backup without verifying it. @return its id"""
        with self._lock():
            return self._attempt(self._take)

    def verify(self, id: str) -> str:
        """Restores a stored backup into a throwaway server and compares. @raise Failed"""
        with self._lock():
            return self._attempt(lambda store: self._verify(store, id))

    def check(self, id: str) -> None:
        """Reads a stored backup as a whole and compares its checksums, without restoring it."""
        with self._lock():
            self._attempt(lambda store: self._check(store, id))

    def remove(self, id: str) -> None:
        def work(store: Store) -> None:
            store.remove(id)
            self._look(store)

        with self._lock():
            self._attempt(work)

    @contextmanager
    def store(self) -> Iterator[Store]:
        store = Store(self.settings)
        try:
            yield store
        finally:
            store.close()

    def look(self) -> None:
        """Learns from the destination what there is: a work volume that is new knows nothing.

        For the start: nobody is reading.
        """
        for forgotten in self.settings.work.glob("fetch-*"):
            shutil.rmtree(forgotten, ignore_errors=True)
        with self._lock(), self.store() as store:
            self._look(store)
            # Where there is a fresh one, the first run has time: the database may just have been made anew, to be
            # restored.
            self._remember(lambda state: setattr(state, "attempted", state.attempted or state.verified))

    @contextmanager
    def fetched(self, id: str, source: Source, folder: Path) -> Iterator[Path]:
        """A store's file of a backup, decrypted and seen to be what the manifest says."""
        with self.store() as store:
            try:
                self._fetch(store, id, folder, source.file)
                yield folder / source.file
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    # How it is done.

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.settings.work / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.log("another run is at work: waiting for it to end")
                fcntl.flock(file, fcntl.LOCK_EX)
            self._clean()
            try:
                yield
            finally:
                self._clean()

    def _clean(self) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()

    def _attempt(self, work: Callable[[Store], Result]) -> Result:
        try:
            with self.store() as store:
                return work(store)
        except (SystemExit, KeyboardInterrupt):
            # Stopped, not failed: whoever starts next begins anew.
            self._remember(lambda state: setattr(state, "attempted", 0))
            raise
        except Exception as error:
            failed = error if isinstance(error, Failed) else Failed("other", f"{type(error).__name__}: {error}")
            # Where the disk is full there must be room for the news.
            self._clean()
            self._remember(lambda state: state.failed(failed.stage, str(failed)))
            raise

    def _remember(self, change: Callable[[states.State], object]) -> None:
        state = states.load(self.state_file)
        change(state)
        try:
            states.save(state, self.state_file)
        except OSError as error:
            self.log("the work volume cannot be written", level="error", error=str(error))

    def _take(self, store: Store) -> str:
        began = time.time()
        self._remember(lambda state: setattr(state, "attempted", began))
        self._remove_leftovers(store)
        id = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        folder = self.scratch / "taken"
        folder.mkdir()
        parts: dict[str, Part] = {}
        files: dict[str, File] = {}
        try:
            for source in self.settings.sources:
                path = folder / source.file
                part = module_of(source).take(self.settings, source, path, self.scratch)
                parts[source.name] = part
                files[source.file] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
                holds = module_of(source).described(part)
                self.log(f"copied {source.title}", holds=holds, size=compare.size(path.stat().st_size))
        except OSError as error:
            raise Failed("dump", f"{self.settings.work}: {error.strerror}") from None
        manifest: Manifest = {
            "id": id,
            "stack": self.settings.stack,
            "environment": self.settings.environment,
            "began": began,
            "snapshot": min(part["snapshot"] for part in parts.values()),
            "stores": parts,
            "files": files,
        }
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))
        try:
            for name in (*files, MANIFEST):
                store.put(id, folder / name)
        except BaseException:
            self._drop(store, id)
            raise
        self.log("stored, encrypted", id=id, destination=self.settings.destination)
        shutil.rmtree(folder)
        return id

    def _fetch(self, store: Store, id: str, folder: Path, only: str = "") -> Manifest:
        """@param only One of its files, besides the small ones. @return the manifest.

        @raise Failed where a file is not what the manifest says, or the manifest not what was verified.
        """
        there = store.contents().get(id, set())
        wanted = {MANIFEST, only} | (there & {VERIFIED}) if only else {MANIFEST} | there
        store.get(id, sorted(wanted), folder)
        try:
            manifest = parse((folder / MANIFEST).read_text())
            for name in [only] if only else manifest["files"]:
                if not (folder / name).exists():
                    raise Failed("download", f"backup {id} has no {name}")
                if sha256(folder / name) != manifest["files"][name]["sha256"]:
                    raise Failed("compare", f"{name} of backup {id} is not what was stored")
            if manifest["id"] != id:
                raise Failed("compare", f"the manifest of backup {id} is that of {manifest['id']}")
            if VERIFIED in wanted:
                marker = json.loads((folder / VERIFIED).read_text())
                if marker["manifest"] != sha256(folder / MANIFEST):
                    raise Failed("compare", f"the manifest of backup {id} is not what was verified")
        except (ValueError, KeyError) as error:
            raise Failed("compare", f"the manifest of backup {id} cannot be read: {error!r}") from None
        return manifest

    def _verify(self, store: Store, id: str, ends_a_run: bool = False) -> str:
        began = time.time()
        known = VERIFIED in store.contents().get(id, ())
        folder = self.scratch / "fetched"
        try:
            manifest = self._fetch(store, id, folder)
            self.log("fetched back and decrypted", id=id)
            self._compare(manifest, folder)
        except Failed as failed:
            why = str(failed)
            # One that never counted is of no use to anybody; one that did may still be of some.
            if known:
                self._remember(lambda state: state.unreadable.update({id: why}))
            else:
                self._drop(store, id)
            raise
        took = time.time() - began
        self.log(
            "restored into a throwaway server and compared",
            id=id,
            rows=self._rows(manifest),
            seconds=round(took, 1),
        )
        if not known:
            marker = self.scratch / VERIFIED
            marker.write_text(
                json.dumps(
                    {
                        "id": id,
                        "manifest": sha256(folder / MANIFEST),
                        "verified": time.time(),
                        "seconds": round(took, 3),
                    }
                )
            )
            store.put(id, marker, "mark")
        self._remember(lambda state: self._good(state, manifest, took, ends_a_run))
        shutil.rmtree(folder)
        self._prune(store)
        self._scrub(store, id)
        self.log("verified", id=id)
        return id

    def _compare(self, manifest: Manifest, folder: Path) -> None:
        wrong: list[str] = []
        try:
            for name, part in manifest["stores"].items():
                source = self.settings.source(name)
                place = self.scratch / "throwaway" / name
                found = module_of(source).restored(self.settings, source, folder / source.file, part, place)
                wrong += [f"{source.title}: {line}" for line in module_of(source).differences(part, found)]
        except OSError as error:
            raise Failed("restore", f"{self.settings.work}: {error.strerror}") from None
        if wrong:
            raise Failed("compare", f"backup {manifest['id']} was restored, but {'; '.join(wrong[:5])}")

    def _rows(self, manifest: Manifest) -> int:
        return sum(rows_of(self.settings, manifest).values())

    def _good(self, state: states.State, manifest: Manifest, took: float, ends_a_run: bool) -> None:
        state.ok, state.error = True, ""
        state.checks[manifest["id"]] = time.time()
        state.unreadable.pop(manifest["id"], None)
        if compare.moment(manifest["snapshot"]).timestamp() < state.verified:
            return
        state.verified, state.verify_duration = compare.moment(manifest["snapshot"]).timestamp(), took
        state.bytes, state.rows = stored_bytes(manifest), self._rows(manifest)
        if ends_a_run:
            state.duration = time.time() - manifest["began"]

    def _look(self, store: Store) -> list[Backup]:
        """Brings the memory in line with what is there. @return the verified ones that can be read, newest first"""
        marked = [backup for backup in store.backups() if backup.marked]
        ids = {backup.id for backup in marked}

        def learn(state: states.State) -> None:
            state.checks = {id: when for id, when in state.checks.items() if id in ids}
            # What a reading as a whole found stays found: the small files may be well.
            state.unreadable = {id: why for id, why in state.unreadable.items() if id in ids and not is_small(why)}
            state.unreadable.update({backup.id: backup.problem for backup in marked if backup.problem})
            good = [backup for backup in marked if backup.id not in state.unreadable]
            state.good = len(good)
            state.verified = compare.moment(good[0].readable["snapshot"]).timestamp() if good else 0
            if good:
                state.bytes, state.rows = stored_bytes(good[0].readable), self._rows(good[0].readable)

        self._remember(learn)
        unreadable = states.load(self.state_file).unreadable
        return [backup for backup in marked if backup.id not in unreadable]

    def _prune(self, store: Store) -> None:
        """Only what was verified and is still readable is counted, or removed; so the last good one never goes."""
        good = self._look(store)
        surplus = good[max(1, self.settings.keep) :]
        for backup in surplus:
            if is_much_larger(*(rows_of(self.settings, one.readable) for one in (backup, good[0]))):
                self.log(
                    "kept beyond the number, because the newest has less than half of its rows",
                    id=backup.id,
                    level="warning",
                )
                continue
            store.remove(backup.id)
            self.log("removed, because newer ones are enough", id=backup.id)
        if surplus:
            self._look(store)

    def _scrub(self, store: Store, fresh: str) -> None:
        """Reads one stored backup again, that whose turn it is: disks and buckets forget.

        The fresh one is good all the same.
        """
        state = states.load(self.state_file)
        others = [
            id
            for id, names in store.contents().items()
            if VERIFIED in names and id != fresh and id not in state.unreadable
        ]
        if not others:
            return
        try:
            self._check(store, min(others, key=lambda id: (state.checks.get(id, 0), id)))
        except Failed as failed:
            stage = failed.stage
            self._remember(lambda state: state.count(stage))
            self.log("a stored backup can be restored no more", level="error", stage=stage, error=str(failed))

    def _check(self, store: Store, id: str) -> None:
        try:
            self._fetch(store, id, self.scratch / "checked")
        except Failed as failed:
            why = str(failed)
            self._remember(lambda state: state.unreadable.update({id: why}))
            self._look(store)
            raise Failed("check", f"stored backup {id}: {why}") from None
        finally:
            shutil.rmtree(self.scratch / "checked", ignore_errors=True)
        self._remember(lambda state: (state.checks.update({id: time.time()}), state.unreadable.pop(id, None)))

    def _remove_leftovers(self, store: Store) -> None:
        for id, names in store.contents().items():
            if VERIFIED not in names:
                store.remove(id)
                self.log("removed what an earlier run left unfinished", id=id)

    def _drop(self, store: Store, id: str) -> None:
        try:
            store.remove(id)
        except Failed as failed:
            self.log("what is stored of it stays until the next run", id=id, level="warning", error=str(failed))


def rows_of(settings: Settings, manifest: Manifest) -> dict[str, int]:
    """Store -> rows, of those that the stack still has."""
    known = {source.name: source for source in settings.sources}
    return {name: module_of(known[name]).rows(part) for name, part in manifest["stores"].items() if name in known}


def is_much_larger(one: dict[str, int], other: dict[str, int]) -> bool:
    """A database that was lost and made anew goes on being backed up: what it replaces must not go for it."""
    return any(rows > 2 * other.get(store, 0) for store, rows in one.items())


def is_small(problem: str) -> bool:
    """Whether a problem was found in the small files, which every look reads."""
    return problem.startswith(("cannot be decrypted", "is not what was verified"))


def stored_bytes(manifest: Manifest) -> int:
    return sum(file["bytes"] for file in manifest["files"].values())


def choose(backups: list[Backup], wanted: str) -> Backup:
    """@param wanted An id, `latest`, or a moment in UTC: the newest at or before it. @raise Failed"""
    good = [backup for backup in backups if backup.marked and not backup.problem]
    if ID.fullmatch(wanted):
        found = next((backup for backup in backups if backup.id == wanted), None)
        if found is None:
            raise Failed("list", f"there is no backup {wanted}")
        if found.problem or not found.marked:
            raise Failed("list", f"backup {wanted} {found.problem or 'was never verified'}")
        return found
    if wanted != "latest":
        try:
            moment = compare.moment(wanted)
        except ValueError:
            raise Failed("list", f'"{wanted}" is neither an id nor a moment, such as 2026-12-31T18:00 (UTC)') from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        good = [backup for backup in good if compare.moment(backup.readable["snapshot"]) <= moment]
    if not good:
        raise Failed("list", "there is no verified backup" + ("" if wanted == "latest" else f" of {wanted} or before"))
    return good[0]
