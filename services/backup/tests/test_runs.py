"""
Whole runs, with servers of our own: needs what the image has, and a small disk on /small. From the checkout:

docker run --rm --network none --read-only --tmpfs /tmp:rw,size=512m --tmpfs /small:rw,size=1m,uid=34 <image> \\
    python3 -m unittest discover -s /app/tests
"""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from backup import database, redis, runs, state
from backup.__main__ import listing
from backup.settings import Failed, Settings, Source
from backup.store import MANIFEST, VERIFIED

PASSWORD = "0123456789abcdef"
SMALL = Path("/small")
DATABASE, REDIS = "database.dump", "redis.rdb"


def sql(text: str, name: str = "restored") -> str:
    return subprocess.run(
        ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", name], input=text, text=True, capture_output=True, check=True
    ).stdout.strip()


class Runs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = ExitStack()
        cls.addClassCleanup(cls.stack.close)
        cls.root = Path(cls.stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp")))
        cls.postgres = Source(
            "postgres",
            "PostgreSQL",
            "database",
            DATABASE,
            {
                "host": str(cls.root / "source/socket"),
                "user": "postgres",
                "database": "restored",
                "roles": ["app_owner"],
                "versions": ["public.alembic_version", "version_num"],
            },
        )
        os.environ.update(cls.stack.enter_context(database.throwaway(cls.postgres, cls.root / "source", "UTF8")))
        cls.redis = Source(
            "redis", "Redis", "redis", REDIS, {"host": "127.0.0.1", "user": "backup", "password": "redis-password"}
        )
        cls.base = Settings("test", "dev", (cls.postgres, cls.redis), keep=2)
        sql("""
            SET ROLE app_owner; RESET ROLE; GRANT ALL ON SCHEMA public TO app_owner; SET ROLE app_owner;
            CREATE TABLE alembic_version (version_num text PRIMARY KEY); INSERT INTO alembic_version VALUES ('0007');
            CREATE TABLE "Odd ""name" (
                id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), due timestamptz, note text,
                body text DEFAULT md5(random()::text) || md5(random()::text),
                total int GENERATED ALWAYS AS (id * 2) STORED);
            ALTER TABLE "Odd ""name" DROP COLUMN note;
            INSERT INTO "Odd ""name" (id, at, due)
                SELECT n, now() - interval '1 hour', now() + interval '1 day' FROM generate_series(1, 5000) n;
            CREATE MATERIALIZED VIEW seen AS SELECT count(*) FROM "Odd ""name";""")
        rules = cls.root / "users.acl"
        rules.write_text(
            f"user default on nopass ~* &* +@all\nuser backup on >{PASSWORD} -@all +ping +sync +psync +replconf\n"
        )
        server = subprocess.Popen(
            [
                "redis-server",
                "--port",
                "6379",
                "--bind",
                "127.0.0.1",
                "--aclfile",
                str(rules),
                "--dir",
                str(cls.root),
                "--save",
                "",
                "--repl-diskless-sync-delay",
                "0",
            ],
            stdout=subprocess.DEVNULL,
        )
        cls.stack.callback(lambda: (server.kill(), server.wait()))
        for _ in range(100):
            if subprocess.run(["redis-cli", "SET", "a", "1"], capture_output=True, text=True).stdout.strip() == "OK":
                break
            time.sleep(0.1)
        subprocess.run(["redis-cli", "SET", "b", "1", "EX", "1000"], capture_output=True, check=True)

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(dir=self.root))
        for part in ("work", "stored", "secrets"):
            (self.folder / part).mkdir()
        self.key("the key of these tests, long enough")
        (self.folder / "secrets/redis-password").write_text(PASSWORD)
        self.lines: list[str] = []
        self.runner = self.runner_of()

    def tearDown(self):
        shutil.rmtree(self.folder)

    def key(self, *keys: str) -> None:
        (self.folder / "secrets/backup-key").write_text("\n".join(keys))

    def runner_of(self, **changes) -> runs.Runner:
        values = {
            **self.base.__dict__,
            "work": self.folder / "work",
            "folder": str(self.folder / "stored"),
            "secrets": self.folder / "secrets",
            **changes,
        }
        return runs.Runner(Settings(**values), lambda message, **fields: self.lines.append(f"{message} {fields}"))

    def given(self, source: Source, **changes) -> tuple[Source, ...]:
        """The stack's stores, one of them told something else."""
        other = replace(source, given={**source.given, **changes})
        return tuple(other if one is source else one for one in self.base.sources)

    def good(self) -> list[str]:
        with self.runner.store() as store:
            return [backup.id for backup in store.backups() if backup.marked and not backup.problem]

    def state(self) -> state.State:
        return state.load(self.runner.state_file)

    def stored(self, id: str, name: str) -> Path:
        return self.folder / "stored" / id / f"{name}.bin"

    def fails(self, stage: str, words: str, work) -> None:
        """It says so, counts it, forgets nothing and leaves nothing behind."""
        before = self.state()
        with self.assertRaisesRegex(Failed, words) as failed:
            work()
        self.assertEqual(failed.exception.stage, stage)
        after = self.state()
        self.assertFalse(after.ok)
        self.assertEqual(after.failures.get(stage), before.failures.get(stage, 0) + 1)
        self.assertEqual(list(self.runner.scratch.iterdir()), [])

    def test_a_run_is_verified_by_restore(self):
        id = self.runner.run()
        known = self.state()
        self.assertEqual((self.good(), known.ok, known.good, known.rows), ([id], True, 1, 5001))
        self.assertGreater(known.verify_duration, 0)
        with self.runner.store() as store:
            manifest = store.backups()[0].manifest
        stores = manifest["stores"]
        self.assertEqual((stores["postgres"]["schema"], stores["redis"]["keys"]), ("0007", 1))
        self.assertEqual(manifest["snapshot"], stores["postgres"]["snapshot"])
        odd = stores["postgres"]["tables"]['public.Odd "name']
        self.assertEqual(odd["rows"], 5000)
        # Nothing of it can be read where it is stored, not even the names of tables.
        for file in (self.folder / "stored" / id).iterdir():
            self.assertNotIn(b"alembic", file.read_bytes(), file.name)
        # Keys that are not in a file of their own mode are in no file at all.
        self.assertFalse(
            [
                file
                for file in (self.folder / "work").rglob("*")
                if file.is_file() and b"key of these tests" in file.read_bytes()
            ]
        )

    def test_rows_written_meanwhile_do_not_disturb_the_comparison(self):
        stop = threading.Event()

        def write():
            n = 10_000
            while not stop.is_set():
                sql(
                    f'INSERT INTO "Odd ""name" (id) VALUES ({n}); DELETE FROM "Odd ""name" WHERE id = {n}; '
                    'UPDATE "Odd ""name" SET due = now() WHERE id = 1;'
                )
                n += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            self.assertTrue(self.runner.run())
        finally:
            stop.set()
            writer.join()

    def test_damage_before_the_verification(self):
        last = self.runner.run()

        def cut(file: Path):
            os.truncate(file, file.stat().st_size - 100)

        def cut_at_a_block(file: Path):
            # The encryption authenticates blocks of 64 KiB, not how many there are.
            self.assertGreater(file.stat().st_size, 32 + 65552)
            os.truncate(file, 32 + 65552)

        def flip(file: Path):
            content = bytearray(file.read_bytes())
            content[len(content) // 2] ^= 1
            file.write_bytes(content)

        for name, damage, stage in (
            (DATABASE, cut, "download"),
            (DATABASE, flip, "download"),
            (DATABASE, cut_at_a_block, "compare"),
            (REDIS, flip, "download"),
            (MANIFEST, cut, "download"),
            (MANIFEST, flip, "download"),
            (DATABASE, Path.unlink, "download"),
        ):
            with self.subTest(f"{name} {damage.__name__}"):
                time.sleep(1)
                id = self.runner.take()
                self.assertIn(id, os.listdir(self.folder / "stored"))
                damage(self.stored(id, name))
                self.fails(stage, "", partial(self.runner.verify, id))
                self.assertEqual((self.good(), os.listdir(self.folder / "stored")), ([last], [last]))
        # The negative control: what is not damaged is verified.
        time.sleep(1)
        id = self.runner.take()
        self.assertEqual(self.runner.verify(id), id)
        self.assertEqual(self.good(), [id, last])

    def test_a_dump_that_is_whole_but_of_other_rows(self):
        id = self.runner.take()
        with self.runner.store() as store:
            store.get(id, [MANIFEST], self.folder / "manifest")
            file = self.folder / "manifest" / MANIFEST
            file.write_text(file.read_text().replace('"rows": 5000', '"rows": 5001'))
            store.put(id, file)
        self.fails("compare", "rows 5000, expected 5001", lambda: self.runner.verify(id))
        self.assertEqual(self.good(), [])

    def test_damage_of_a_verified_one_is_found_by_the_next_run(self):
        old = self.runner.run()
        with self.stored(old, DATABASE).open("r+b") as file:
            file.seek(1000)
            file.write(b"\0\0\0\0")
        time.sleep(1)
        new = self.runner.run()
        known = self.state()
        self.assertEqual(
            (known.ok, known.good, list(known.unreadable), known.failures.get("check")), (True, 1, [old], 1)
        )
        # It is not counted among those that are kept, so that none of the good ones goes for it.
        for _ in range(2):
            time.sleep(1)
            newest = self.runner.run()
        self.assertIn(old, os.listdir(self.folder / "stored"))
        self.assertEqual(self.state().good, 2)
        self.assertNotIn(new, self.good())
        self.fails("check", old, lambda: self.runner.check(old))
        self.runner.check(newest)
        self.runner.remove(old)
        self.assertEqual(self.state().unreadable, {})

    def test_another_key(self):
        old = self.runner.run()
        self.key("a key that somebody typed wrongly")
        self.fails("check", old, lambda: self.runner.check(old))
        self.runner.look()
        self.assertEqual((self.state().good, list(self.state().unreadable), self.state().verified), (0, [old], 0))
        for _ in range(3):
            time.sleep(1)
            self.runner.run()
        self.assertTrue(self.stored(old, VERIFIED).exists(), "what this key does not open was removed")
        # The former key beside the new one: all can be read again.
        self.key("a key that somebody typed wrongly", "the key of these tests, long enough")
        self.runner.check(old)
        self.runner.look()
        self.assertEqual((self.state().unreadable, self.state().good), ({}, 3))

    def test_a_full_disk(self):
        self.assertLessEqual(shutil.disk_usage(SMALL).total, 2 << 20, "this test needs a small disk on /small")
        last = self.runner.run()
        for path in (self.folder / "stored").iterdir():
            shutil.copytree(path, SMALL / path.name)
        self.addCleanup(
            lambda: [
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink() for path in SMALL.iterdir()
            ]
        )
        self.runner = self.runner_of(folder=str(SMALL))
        (SMALL / "other").write_bytes(bytes(shutil.disk_usage(SMALL).free))
        time.sleep(1)
        self.fails("upload", "remaining disk space|no space left", self.runner.run)
        self.assertEqual(self.good(), [last])
        (SMALL / "other").unlink()
        self.assertTrue(self.runner.run())

    def test_a_full_work_volume(self):
        last = self.runner.run()
        self.addCleanup(
            lambda: [
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink() for path in SMALL.iterdir()
            ]
        )
        self.runner = self.runner_of(work=SMALL)
        self.fails("restore", "", self.runner.run)
        self.assertEqual(self.good(), [last])

    def test_a_destination_that_does_not_answer(self):
        last = self.runner.run()
        for name in ("s3-access-key", "s3-secret-key"):
            (self.folder / "secrets" / name).write_text("x" * 20)
        there = self.runner
        self.runner = self.runner_of(bucket="b", prefix="p", endpoint="http://127.0.0.1:1", region="x")
        self.fails("list", "connection refused", self.runner.run)
        self.runner = self.runner_of(folder=str(self.folder / "nowhere"))
        self.fails("list", "there is no folder", self.runner.run)
        self.runner = there
        self.assertEqual(self.good(), [last])

    def test_databases_that_do_not_answer(self):
        self.runner = self.runner_of(sources=self.given(self.postgres, host=str(self.folder)))
        self.fails("dump", "No such file", self.runner.run)
        self.runner = self.runner_of(sources=self.given(self.redis, user="nobody"))
        self.fails("snapshot", "", self.runner.run)
        self.assertEqual(os.listdir(self.folder / "stored"), [])

    def test_one_at_a_time(self):
        ids: list[str] = []
        threads = [threading.Thread(target=lambda: ids.append(self.runner_of().run())) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(set(ids)), 2)
        self.assertEqual(sorted(self.good()), sorted(ids))
        self.assertTrue([line for line in self.lines if line.startswith("another run is at work")])

    def test_a_database_that_was_lost_and_made_anew_does_not_push_out_what_it_replaces(self):
        full = self.runner.run()
        sql("CREATE DATABASE anew TEMPLATE template0;")
        self.runner = self.runner_of(sources=self.given(self.postgres, database="anew"))
        empty = []
        for _ in range(3):
            time.sleep(1)
            empty.append(self.runner.run())
        self.assertEqual(sorted(self.good()), sorted([full, *empty[-2:]]))
        # A service that starts with a fresh work volume knows that there is a fresh one, and does not run at once.
        self.runner = self.runner_of(work=self.folder / "secrets")
        self.runner.look()
        self.assertEqual(self.state().attempted, self.state().verified)
        self.assertGreater(self.state().verified, time.time() - 300)

    def test_what_a_killed_run_left_goes_and_the_rest_stays(self):
        last = self.runner.run()
        time.sleep(1)
        left = self.runner.take()
        (self.folder / "work/run/throwaway").mkdir(parents=True, exist_ok=True)
        time.sleep(1)
        fresh = self.runner.run()
        self.assertEqual(sorted(os.listdir(self.folder / "stored")), [last, fresh])
        self.assertNotIn(left, os.listdir(self.folder / "stored"))

    def test_a_stack_with_one_store_has_a_backup_of_that_one(self):
        for source, holds in ((self.postgres, "5001 rows, schema 0007"), (self.redis, "1 keys")):
            time.sleep(1)
            self.runner = self.runner_of(sources=(source,))
            id = self.runner.run()
            [row] = [row for row in listing(self.runner) if row["id"] == id]
            self.assertEqual((row["verified"], row["holds"]), (True, {source.name: holds}))
            with self.runner.store() as store:
                self.assertEqual(list(store.backups()[0].manifest["files"]), [source.file])
            self.runner.check(id)
        # It is not taken for one of a stack with both.
        self.runner = self.runner_of(sources=(self.postgres,))
        self.fails("list", 'no store "redis" in this stack', lambda: self.runner.verify(id))

    def test_a_backup_of_before_there_were_stores_is_verified_and_listed(self):
        id = self.runner.take()
        with self.runner.store() as store:
            told = store.backups()[0].manifest
            former = {**told, **told["stores"]["postgres"], "redis": told["stores"]["redis"]}
            del former["stores"]
            path = self.folder / "work" / MANIFEST
            path.write_text(json.dumps(former))
            store.put(id, path)
        self.runner.verify(id)
        [row] = listing(self.runner)
        self.assertEqual(row["holds"], {"postgres": "5001 rows, schema 0007", "redis": "1 keys"})

    def test_what_brings_keys_back(self):
        id = self.runner.run()
        with self.runner.fetched(id, self.redis, self.folder / "work/fetched") as path:
            stream = b"".join(redis.stream(path, self.folder / "work/throwaway"))
        subprocess.run(["redis-cli", "DEL", "a", "b"], capture_output=True, check=True)
        done = subprocess.run(["redis-cli", "--pipe"], input=stream, capture_output=True, check=True)
        self.assertIn(b"errors: 0", done.stdout)
        self.assertEqual(subprocess.run(["redis-cli", "GET", "a"], capture_output=True, text=True).stdout.strip(), "1")
        self.assertGreater(int(subprocess.run(["redis-cli", "TTL", "b"], capture_output=True, text=True).stdout), 0)


if __name__ == "__main__":
    unittest.main()
