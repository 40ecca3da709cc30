"""Which migrations are let through. No database: what is decided, is decided from the revisions themselves."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from personal_assistant.config.settings import load
from personal_assistant.database.migrate import DIRECTORY, destructive, loses_going_down, refusal


def revision(directory: Path, number: str, body: str, declared: str = "") -> ModuleType:
    """A file as Alembic loads it: what the guard reads is source."""
    path = directory / f"{number}_test.py"
    path.write_text(
        f'"""Revision {number}."""\n\nrevision = "{number}"\n{declared}\n\n'
        f"def upgrade() -> None:\n    {body}\n\n\n"
        'def downgrade() -> None:\n    op.execute("DROP TABLE notes")\n'
    )
    return loaded(path)


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("body", "declared", "expected"),
    [
        ('op.execute("CREATE TABLE notes (id uuid)")', "", False),
        ('op.execute("ALTER TABLE users ADD COLUMN phone text")', "destructive = False", False),
        ('op.execute("DROP INDEX notes_by_user; ALTER TABLE users DROP CONSTRAINT users_role_check")', "", False),
        ('op.execute("UPDATE users SET role = lower(role)")', "destructive = True", True),
        ('op.execute("drop table notes")', "", True),
        ('op.execute("ALTER TABLE users\\n  DROP  COLUMN phone")', "destructive = False", True),
        ('op.execute("TRUNCATE notes")', "", True),
        ('op.execute("DELETE FROM notes WHERE done")', "", True),
        ('op.drop_column("users", "phone")', "", True),
        ('op.drop_table("notes")', "", True),
    ],
)
def test_a_revision_is_destructive_by_its_word_or_by_what_it_does(
    tmp_path: Path, body: str, declared: str, expected: bool
) -> None:
    assert destructive(revision(tmp_path, "0003", body, declared)) is expected


def test_a_destructive_revision_needs_its_name_in_the_setting(tmp_path: Path) -> None:
    harmless = revision(tmp_path, "0003", "pass")
    drops = revision(tmp_path, "0004", 'op.execute("DROP TABLE notes")', "destructive = True")
    clears = revision(tmp_path, "0005", 'op.execute("TRUNCATE events")', "destructive = True")

    assert refusal([harmless], ()) is None
    assert refusal([harmless, drops], ("0004",)) is None
    assert refusal([harmless, drops, clears], ("0004", "0005")) is None

    why = refusal([harmless, drops], ())
    assert why and "0004 (Revision 0004.)" in why and "0003" not in why
    assert why.endswith("pulumi config set berth:allowDestructiveMigrations 0004")
    assert refusal([drops], ("0003", "004", "00045")), "only the revision's own name allows it"


def test_what_was_allowed_before_stays_allowed_by_the_fix(tmp_path: Path) -> None:
    """A database that is two releases behind must not be stopped at the first of them by following the advice."""
    drops = revision(tmp_path, "0004", 'op.drop_table("notes")')
    clears = revision(tmp_path, "0005", 'op.drop_table("events")')
    why = refusal([drops, clears], ("0004",))
    assert why and why.endswith(" 0004,0005") and "0004 (" not in why


def test_the_way_down_asks_for_the_same(tmp_path: Path) -> None:
    """What is harmless on the way up drops on the way down what was added and filled since."""
    adds = revision(tmp_path, "0003", 'op.execute("ALTER TABLE users ADD COLUMN phone text")')
    assert refusal([adds], ()) is None
    why = refusal([adds], (), loses_going_down)
    assert (
        why
        and "going back behind 0003 (Revision 0003.) removes data" in why
        and why.endswith("berth:allowDestructiveMigrations 0003")
    )
    assert refusal([adds], ("0003",), loses_going_down) is None
    index = tmp_path / "0004_test.py"
    index.write_text(
        'revision = "0004"\n\n\ndef upgrade():\n    pass\n\n\n'
        'def downgrade():\n    op.execute("DROP INDEX notes_by_user")\n'
    )
    assert refusal([loaded(index)], (), loses_going_down) is None


def test_the_setting_is_read_as_a_list(tmp_path: Path) -> None:
    database = tmp_path / "database"
    database.write_text("postgresql://u:p@h/d")
    env = {"DATABASE_URL_FILE": str(database)}
    assert load("migrate", env).allow_destructive == ()
    assert load("migrate", {**env, "ALLOW_DESTRUCTIVE": "0003"}).allow_destructive == ("0003",)
    assert load("migrate", {**env, "ALLOW_DESTRUCTIVE": "0003, 0004"}).allow_destructive == ("0003", "0004")


def test_the_schema_goes_to_the_newest_unless_told(tmp_path: Path) -> None:
    database = tmp_path / "database"
    database.write_text("postgresql://u:p@h/d")
    env = {"DATABASE_URL_FILE": str(database)}
    assert load("migrate", env).schema_revision == "head"
    assert load("migrate", {**env, "SCHEMA_REVISION": "0002"}).schema_revision == "0002"


@pytest.mark.parametrize("path", sorted((DIRECTORY / "versions").glob("*.py")), ids=lambda path: path.stem)
def test_every_revision_says_whether_it_is_destructive(path: Path) -> None:
    module = loaded(path)
    assert module.destructive is destructive(module), "set `destructive` to what its upgrade does"
