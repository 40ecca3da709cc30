"""What needs no server: python3 -m unittest, with the standard library alone."""

import json
import tempfile
import unittest
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from backup import compare, redis, runs, serve, settings, state, store

AT = datetime(2026, 12, 31, 18, tzinfo=UTC)


def fact(rows=1, checksum="1", newest=None, newer=0):
    return {"rows": rows, "checksum": checksum, "newest": newest, "newer": newer}


def backup(id, *, marked=True, problem="", snapshot=None):
    files = {store.DATABASE, store.REDIS, store.MANIFEST} | ({store.VERIFIED} if marked else set())
    manifest = (
        None if problem else {"id": id, "snapshot": snapshot or f"{id[:4]}-{id[4:6]}-{id[6:8]}T{id[9:11]}:00:00Z"}
    )
    return store.Backup(id, frozenset(files), manifest, {"id": id} if marked and not problem else None, problem)


class Settings(unittest.TestCase):
    GOOD: ClassVar = {"BACKUP_STACK": "prod", "APP_ENV": "prod", "PGDATABASE": "pa_prod"}

    def test_reads_what_is_set(self):
        loaded = settings.load({**self.GOOD, "BACKUP_EVERY": "60", "BACKUP_S3_BUCKET": "b", "BACKUP_S3_PREFIX": "/p/"})
        self.assertEqual((loaded.every, loaded.keep, loaded.prefix, loaded.destination), (60, 14, "p", "S3, b/p"))

    def test_names_every_problem_at_once(self):
        with self.assertRaises(SystemExit) as refused:
            settings.load({"BACKUP_STACK": "prod", "BACKUP_EVERY": "0", "BACKUP_KEEP": "-1"})
        for part in ("APP_ENV is missing", "PGDATABASE is missing", "BACKUP_EVERY: got '0'", "BACKUP_KEEP: got '-1'"):
            self.assertIn(part, str(refused.exception))

    def test_a_key_is_there_once_whatever_the_file_repeats(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "backup-key").write_text("a new sentence\nold\n\na new sentence\n")
            self.assertEqual(
                settings.load(self.GOOD).__class__("s", "e", "d", secrets=Path(folder)).keys, ["a new sentence", "old"]
            )


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
        manifest = {
            "id": "20261231T120000Z",
            "stack": "prod",
            "database": "pa",
            "snapshot": "2026-12-31T12:00:00.000001Z",
            "schema": "0001",
            "tables": {"a": fact(10)},
        }
        text = compare.preview(manifest, {"a": fact(12, "2", newer=2)}, "0002", AT)
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
