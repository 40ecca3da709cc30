"""What needs no server: python3 -m unittest, with the standard library alone."""

import argparse
import io
import json
import tempfile
import unittest
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar
from unittest import mock

from backup import compare, database, manifest, redis, runs, serve, settings, sources, state, store
from backup.__main__ import WOULD_LOSE, look, table

AT = datetime(2026, 12, 31, 18, tzinfo=UTC)


def fact(rows=1, checksum="1", newest=None, newer=0):
    return {"rows": rows, "checksum": checksum, "newest": newest, "newer": newer}


POSTGRES = settings.Source("postgres", "PostgreSQL", "database", "database.dump", {"database": "pa", "roles": ["o"]})
REDIS = settings.Source("redis", "Redis", "redis", "redis.rdb", {"host": "redis", "user": "backup"})


def stack(*given):
    """Settings of a stack with these stores."""
    return settings.Settings("s", "e", given or (POSTGRES, REDIS))


def backup(id, *, marked=True, problem="", snapshot=None):
    files = {"database.dump", "redis.rdb", store.MANIFEST} | ({store.VERIFIED} if marked else set())
    manifest = (
        None if problem else {"id": id, "snapshot": snapshot or f"{id[:4]}-{id[4:6]}-{id[6:8]}T{id[9:11]}:00:00Z"}
    )
    return store.Backup(id, frozenset(files), manifest, {"id": id} if marked and not problem else None, problem)


class Settings(unittest.TestCase):
    GOOD: ClassVar = {"BACKUP_STACK": "prod", "APP_ENV": "prod"}

    def load(self, stores='[{"name": "redis", "title": "Redis", "module": "redis", "file": "redis.rdb"}]', **env):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder, "stores.json")
            if stores is not None:
                place.write_text(stores)
            return settings.load({**self.GOOD, "BACKUP_STORES": str(place), **env})

    def test_reads_what_is_set(self):
        loaded = self.load(BACKUP_EVERY="60", BACKUP_S3_BUCKET="b", BACKUP_S3_PREFIX="/p/", BACKUP_WORK="/work")
        self.assertEqual((loaded.every, loaded.keep, loaded.prefix, loaded.destination), (60, 14, "p", "S3, b/p"))
        self.assertEqual((loaded.work, self.load().work), (Path("/work"), Path("/var/lib/postgresql/data")))
        self.assertEqual(loaded.sources, (settings.Source("redis", "Redis", "redis", "redis.rdb"),))

    def test_names_every_problem_at_once(self):
        with self.assertRaises(SystemExit) as refused:
            self.load("[]", APP_ENV="", BACKUP_EVERY="0", BACKUP_KEEP="-1")
        for part in (
            "APP_ENV is missing",
            "BACKUP_EVERY: got '0'",
            "BACKUP_KEEP: got '-1'",
            "stores.json names no store",
        ):
            self.assertIn(part, str(refused.exception))

    def test_refuses_stores_that_it_cannot_read(self):
        for text in (None, "{", '[{"name": "redis"}]', '[{"name": "a", "host": "b"}]'):
            with self.assertRaisesRegex(SystemExit, r"stores\.json cannot be read: ."):
                self.load(text)

    def test_knows_the_stores_of_its_stack(self):
        self.assertEqual(stack().source("redis"), REDIS)
        with self.assertRaisesRegex(settings.Failed, 'no store "mongo" in this stack, which has postgres, redis'):
            stack().source("mongo")

    def test_a_key_is_there_once_whatever_the_file_repeats(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "backup-key").write_text("a new sentence\nold\n\na new sentence\n")
            self.assertEqual(settings.Settings("s", "e", (), secrets=Path(folder)).keys, ["a new sentence", "old"])


class Stores(unittest.TestCase):
    """What a backup says of its stores, whichever the stack has."""

    PART: ClassVar = {"snapshot": "2026-12-31T12:00:00.000001Z", "schema": "0007", "tables": {"a": fact(3)}}
    FORMER: ClassVar = {
        "id": "20261231T120000Z",
        "stack": "prod",
        "environment": "prod",
        "database": "pa",
        "began": 1.5,
        **PART,
        "server": "17.2",
        "encoding": "UTF8",
        "redis": {"keys": 2, "version": "8.0.2"},
        "files": {"database.dump": {"bytes": 1, "sha256": "x"}, "redis.rdb": {"bytes": 2, "sha256": "y"}},
    }

    def test_a_backup_of_before_there_were_stores_is_read_as_one_with_both(self):
        told = manifest.parse(json.dumps(self.FORMER))
        self.assertEqual(told["stores"]["redis"], {"keys": 2, "version": "8.0.2"})
        self.assertEqual(
            told["stores"]["postgres"], {**self.PART, "database": "pa", "server": "17.2", "encoding": "UTF8"}
        )
        self.assertEqual(
            {key: value for key, value in told.items() if key != "stores"},
            {key: self.FORMER[key] for key in ("id", "stack", "environment", "began", "snapshot", "files")},
        )
        self.assertEqual(manifest.parse(json.dumps(told)), told)

    def test_what_is_no_manifest_is_refused(self):
        for text in ("", "[]", "3", '{"tables": {}}'):
            with self.assertRaises((ValueError, KeyError), msg=text):
                manifest.parse(text)

    def test_every_store_has_a_module_that_does_all_that_there_is_to_do(self):
        todo = [name for name in vars(sources.Module) if not name.startswith("_")]
        self.assertIn("restored", todo)
        for source in (POSTGRES, REDIS):
            for name in todo:
                self.assertTrue(callable(getattr(sources.module_of(source), name)), f"{source.name} {name}")

    def test_rows_are_those_of_the_stores_that_the_stack_still_has(self):
        told = {"stores": {"postgres": self.PART, "redis": {"keys": 9}, "mongo": {}}}
        self.assertEqual(runs.rows_of(stack(), told), {"postgres": 3, "redis": 0})
        self.assertEqual(runs.rows_of(stack(REDIS), told), {"redis": 0})

    def test_one_store_that_was_made_anew_is_seen_beside_another_that_was_not(self):
        self.assertTrue(runs.is_much_larger({"a": 7, "b": 100}, {"a": 3, "b": 100}))
        self.assertTrue(runs.is_much_larger({"a": 1}, {"b": 100}))
        self.assertFalse(runs.is_much_larger({"a": 6, "b": 0}, {"a": 3, "b": 0, "c": 1}))

    def test_differences_are_found_by_the_store_itself(self):
        self.assertEqual(redis.differences({"keys": 2, "version": "8"}, {"keys": 2}), [])
        self.assertEqual(redis.differences({"keys": 2}, {"keys": 1}), ["1 keys, expected 2"])
        self.assertEqual(database.differences(self.PART, {"tables": {"a": fact(3)}}), [])
        self.assertEqual(database.differences(self.PART, {"tables": {}}), ["a is missing"])

    def test_a_list_has_a_column_for_each_store(self):
        row = {"id": "20261231T120000Z", "verified": True, "problem": "", "time": "2026-12-31T12:00:00Z", "bytes": 5}
        both = table([{**row, "holds": {"postgres": "3 rows, schema 0007", "redis": "2 keys"}}], stack())
        self.assertRegex(both.splitlines()[0], r"^id +time +size +PostgreSQL +Redis +verified$")
        self.assertRegex(both.splitlines()[1], r" 5 B +3 rows, schema 0007 +2 keys +yes$")
        alone = table([{**row, "holds": {"redis": "2 keys"}}], stack(REDIS))
        self.assertRegex(alone, r"^id +time +size +Redis +verified\n\S+ +\S+ \S+ UTC +5 B +2 keys +yes$")
        damaged = table([{"id": "x", "verified": False, "problem": "is damaged"}], stack())
        self.assertRegex(damaged, r"\nx +- +- +- +- +NO: is damaged$")

    def look(self, command, source, answer="", **more):
        """What the command says of a backup with three rows. @return its exit code, and what it printed"""
        told = {"id": "20261231T120000Z", "stack": "prod", "stores": {"postgres": {**self.PART, "database": "pa"}}}
        args = argparse.Namespace(command=command, **more)
        with redirect_stdout(io.StringIO()) as printed, mock.patch("sys.stdin", io.StringIO(answer)):
            return look(args, source, told), printed.getvalue()

    def test_a_restore_asks_and_compares_by_store(self):
        script = self.look("facts", POSTGRES, now=True)[1]
        self.assertIn("\\set at 'now'\n\\set since '2026-12-31T12:00:00.000001Z'\n", script)
        self.assertIn("\\gexec", script)
        self.assertIn("\\set at '2026-12-31T12:00:00.000001Z'\n", self.look("facts", POSTGRES, now=False)[1])
        same = json.dumps({"table": "a", **fact(3)})
        self.assertEqual(self.look("preview", POSTGRES, same, schema="0007")[0], 0)
        newer = json.dumps({"table": "a", **fact(5, newer=2)})
        code, text = self.look("preview", POSTGRES, newer, schema="0007")
        self.assertEqual(code, WOULD_LOSE)
        self.assertIn("would be lost: 2 (a)", text)
        self.assertEqual(self.look("compare", POSTGRES, same)[0], 0)
        with self.assertRaisesRegex(settings.Failed, "a: rows 5, expected 3"):
            self.look("compare", POSTGRES, newer)
        with self.assertRaisesRegex(settings.Failed, "backup 20261231T120000Z holds nothing of Redis"):
            self.look("facts", REDIS, now=True)

    def test_what_has_no_times_is_not_compared_with_what_runs(self):
        for ask in (lambda: redis.facts("now", "now"), lambda: redis.tables("")):
            with self.assertRaisesRegex(settings.Failed, "not compared with what runs"):
                ask()


class Compare(unittest.TestCase):
    def test_the_same_is_the_same(self):
        facts = {"public.a": fact(), "public.b": fact(0)}
        self.assertEqual(compare.differences(facts, dict(facts)), [])

    def test_every_kind_of_difference_is_found(self):
        expected = {"a": fact(2, "7", "2026-12-31T00:00:00+00:00"), "gone": fact()}
        for found, words in (
            ({"a": fact(1, "7", "2026-12-31T00:00:00+00:00"), "gone": fact()}, "a: rows 1, expected 2"),
            ({"a": fact(2, "8", "2026-12-31T00:00:00+00:00"), "gone": fact()}, "a: checksum 8, expected 7"),
            ({"a": fact(2, "7", None), "gone": fact()}, "a: newest None"),
            ({"a": expected["a"]}, "gone is missing"),
            ({**expected, "new": fact()}, "new is not in the manifest"),
        ):
            self.assertTrue(any(words in line for line in compare.differences(expected, found)), words)

    def test_what_would_be_lost(self):
        there = {"a": fact(10), "b": fact(5), "c": fact(3)}
        self.assertEqual(
            compare.lost(there, {"a": fact(10, newer=2), "b": fact(7), "c": fact(1), "d": fact(1)}),
            {"a": 2, "b": 2, "d": 1},
        )
        self.assertEqual(compare.lost(there, there), {})

    def test_a_preview_says_age_rows_and_loss(self):
        part = {
            "database": "pa",
            "snapshot": "2026-12-31T12:00:00.000001Z",
            "schema": "0001",
            "tables": {"a": fact(10)},
        }
        told = {"id": "20261231T120000Z", "stack": "prod", "stores": {"postgres": part}}
        text = compare.preview(told, POSTGRES, {"a": fact(12, "2", newer=2)}, "0002", AT)
        self.assertIn("backup 20261231T120000Z of stack prod: the database pa as it was at 2026-12-31 12:00:00", text)
        for part in ("5 hours ago", "schema 0001, now 0002", "12 rows now, 10 in the backup; would be lost: 2 (a)"):
            self.assertIn(part, text)

    def test_sizes(self):
        self.assertEqual(
            [compare.size(n) for n in (5, 1500, 2_500_000, 10**12, 10**16)],
            ["5 B", "1.5 kB", "2.5 MB", "1.0 TB", "10000.0 TB"],
        )


class Choose(unittest.TestCase):
    THERE: ClassVar = [
        backup("20261231T150000Z", marked=False),
        backup("20261231T140000Z", problem="cannot be decrypted with this key, or is damaged"),
        backup("20261231T130000Z"),
        backup("20261231T120000Z"),
    ]

    def test_latest_is_the_newest_that_is_good(self):
        self.assertEqual(runs.choose(self.THERE, "latest").id, "20261231T130000Z")

    def test_a_moment_takes_the_newest_at_or_before(self):
        for moment in ("2026-12-31T12:30", "2026-12-31T12:00Z", "2026-12-31 12:59:59", "2026-12-31T14:30+02:00"):
            self.assertEqual(runs.choose(self.THERE, moment).id, "20261231T120000Z", moment)

    def test_refuses_what_is_not_there_or_not_good(self):
        for wanted, words in (
            ("20261231T150000Z", "was never verified"),
            ("20261231T140000Z", "cannot be decrypted"),
            ("20261231T110000Z", "there is no backup"),
            ("2026-12-30", "no verified backup of"),
            ("yesterday", "neither an id nor a moment"),
        ):
            with self.assertRaisesRegex(settings.Failed, words):
                runs.choose(self.THERE, wanted)


class Small(unittest.TestCase):
    def read(self, change=lambda folder: None, marked=True):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / store.MANIFEST).write_text(json.dumps({"id": "20261231T120000Z"}))
            if marked:
                (folder / store.VERIFIED).write_text(json.dumps({"manifest": store.sha256(folder / store.MANIFEST)}))
            change(folder)
            return store.read(
                "20261231T120000Z", frozenset({store.MANIFEST} | ({store.VERIFIED} if marked else set())), folder
            )

    def test_a_good_one(self):
        self.assertEqual(self.read().problem, "")
        self.assertFalse(self.read(marked=False).marked)

    def test_damage_of_the_small_files_is_a_problem(self):
        for change in (
            lambda folder: (folder / store.MANIFEST).unlink(),
            lambda folder: (folder / store.VERIFIED).unlink(),
            lambda folder: (folder / store.MANIFEST).write_text('{"id": "20261231T120000Z", "x": 1}'),
            lambda folder: (folder / store.MANIFEST).write_text('{"id": "20261231T110000Z"}'),
        ):
            self.assertTrue(self.read(change).problem)


class Clock(unittest.TestCase):
    def test_due(self):
        now = 1_000_000.0
        for attempted, ok, every, expected in (
            (0, True, 3600, 0),
            (now - 100, True, 3600, 3500),
            (now - 100, False, 3600, 500),
            (now - 100, False, 60, 0),
            (now + 10**6, True, 3600, 3600),
        ):
            self.assertEqual(serve.due(state.State(attempted=attempted, ok=ok), every, now), expected)


class Memory(unittest.TestCase):
    def test_survives_a_restart_and_nonsense(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "state.json")
            self.assertEqual(state.load(path), state.State())
            one = state.State(attempted=1, verified=2)
            one.failed("upload", "no space left on device")
            state.save(one, path)
            self.assertEqual(state.load(path), one)
            path.write_text('{"attempted": 5, "of another release": 1}')
            self.assertEqual(state.load(path).attempted, 5)
            path.write_text("{")
            self.assertEqual(state.load(path), state.State())

    def test_metrics_name_every_stage_from_the_start(self):
        text = state.metrics(state.State(failures={"upload": 2}), 60, 14, 1.0)
        self.assertIn('backup_failures_total{stage="upload"} 2', text)
        self.assertIn('backup_failures_total{stage="dump"} 0', text)
        self.assertIn("backup_last_verified_timestamp_seconds 0", text)


class Protocol(unittest.TestCase):
    def test_counts_bytes_not_letters(self):
        self.assertEqual(
            redis.command("SET", "ü", b"\r\n\x00"), b"*3\r\n$3\r\nSET\r\n$2\r\n\xc3\xbc\r\n$3\r\n\r\n\x00\r\n"
        )


if __name__ == "__main__":
    unittest.main()
