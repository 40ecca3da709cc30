"""`backup serve` is the service; all else is for a person, by `docker exec` (bin/backup, bin/backups, bin/restore)."""

import argparse
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import compare
from . import state as states
from .manifest import Manifest
from .runs import Runner, choose, rows_of, stored_bytes
from .serve import serve
from .settings import Failed, Settings, Source, load
from .sources import module_of

WOULD_LOSE = 3
"""Exit code of a preview: the restore would overwrite newer data."""


def json_log(message: str, level: str = "info", **fields: object) -> None:
    ts = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    print(json.dumps({"ts": ts, "level": level, "service": "backup", "msg": message, **fields}), flush=True)


def text_log(message: str, level: str = "info", **fields: object) -> None:
    more = ", ".join(f"{name} {value}" for name, value in fields.items())
    print(
        f"{time.strftime('%H:%M:%S', time.gmtime())}  {message}{f' ({more})' if more else ''}",
        file=sys.stderr,
        flush=True,
    )


def listing(runner: Runner) -> list[dict[str, Any]]:
    with runner.store() as store:
        backups = store.backups()
    unreadable = states.load(runner.state_file).unreadable
    rows = []
    for backup in backups:
        problem = backup.problem or unreadable.get(backup.id, "") if backup.marked else "never verified"
        row: dict[str, Any] = {"id": backup.id, "verified": backup.marked and not problem, "problem": problem}
        if backup.manifest:
            row.update(
                time=backup.manifest["snapshot"],
                bytes=stored_bytes(backup.manifest),
                rows=sum(rows_of(runner.settings, backup.manifest).values()),
                holds={
                    source.name: module_of(source).described(backup.manifest["stores"][source.name])
                    for source in runner.settings.sources
                    if source.name in backup.manifest["stores"]
                },
            )
        rows.append(row)
    return rows


def table(rows: list[dict[str, Any]], settings: Settings) -> str:
    if not rows:
        return f"there is no backup in {settings.destination}"
    sources = settings.sources
    cells = [("id", "time", "size", *(source.title for source in sources), "verified")]
    for row in rows:
        known = ("-",) * (2 + len(sources))
        if "time" in row:
            holds = (row["holds"].get(source.name, "-") for source in sources)
            known = (compare.short(row["time"]), compare.size(row["bytes"]), *holds)
        cells.append((row["id"], *known, "yes" if row["verified"] else f"NO: {row['problem']}"))
    widths = [max(len(line[n]) for line in cells) for n in range(3 + len(sources))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line[:-1], widths, strict=True)) + "  " + line[-1]
        for line in cells
    )


def chosen(runner: Runner, wanted: str) -> Manifest:
    with runner.store() as store:
        backup = choose(store.backups(), wanted)
    why = states.load(runner.state_file).unreadable.get(backup.id)
    if why:
        raise Failed("list", f"backup {backup.id} cannot be restored: {why}")
    return backup.readable


def scratch(settings: Settings) -> Path:
    """A place of its own, beside a run that may be at work."""
    return Path(tempfile.mkdtemp(prefix="fetch-", dir=settings.work))


def fetch(runner: Runner, id: str, source: Source) -> None:
    """Writes what brings a store's data back to standard output, once its file was seen to be whole."""
    id = chosen(runner, id)["id"]
    folder = scratch(runner.settings)
    with runner.fetched(id, source, folder) as path:
        for block in module_of(source).stream(path, folder / "throwaway"):
            sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="backup")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, takes in (
        ("serve", 0),
        ("run", 0),
        ("take", 0),
        ("list", 0),
        ("verify", 1),
        ("check", 1),
        ("remove", 1),
        ("show", 1),
        ("fetch", 2),
        ("facts", 2),
        ("preview", 2),
        ("compare", 2),
    ):
        one = commands.add_parser(name)
        for argument in ("id", "store")[:takes]:
            one.add_argument(argument)
        if name in ("list", "show"):
            one.add_argument("--json", action="store_true")
        if name == "facts":
            one.add_argument(
                "--now", action="store_true", help="of the database as it is, not as it was at the backup's time"
            )
        if name == "preview":
            one.add_argument("--schema", default="", help="version of the schema that is there now")
    args = parser.parse_args()
    settings = load()
    if args.command == "serve":
        serve(settings, json_log)
        return 0
    runner = Runner(settings, text_log)
    try:
        return perform(args, runner, settings)
    except Failed as failed:
        print(f"error: backup: {failed.stage}: {failed}", file=sys.stderr)
        return 1


def perform(args: argparse.Namespace, runner: Runner, settings: Settings) -> int:
    command = args.command
    if command == "run":
        print(runner.run())
    elif command == "take":
        print(runner.take())
    elif command == "verify":
        runner.verify(args.id)
    elif command == "check":
        runner.check(args.id)
    elif command == "remove":
        runner.remove(args.id)
    elif command == "list":
        rows = listing(runner)
        print(json.dumps(rows) if args.json else table(rows, settings))
    elif command == "show":
        manifest = chosen(runner, args.id)
        print(json.dumps(manifest) if args.json else manifest["id"])
    elif command == "fetch":
        fetch(runner, args.id, settings.source(args.store))
    else:
        return look(args, settings.source(args.store), chosen(runner, args.id))
    return 0


def look(args: argparse.Namespace, source: Source, manifest: Manifest) -> int:
    """`facts` prints what the store is asked; `preview` and `compare` read what it answered."""
    module = module_of(source)
    if source.name not in manifest["stores"]:
        raise Failed("list", f"backup {manifest['id']} holds nothing of {source.title}")
    part = manifest["stores"][source.name]
    if args.command == "facts":
        print(module.facts("now" if args.now else part["snapshot"], part["snapshot"]))
        return 0
    now = module.tables(sys.stdin.read())
    if args.command == "preview":
        print(compare.preview(manifest, source, now, args.schema, datetime.now(UTC)))
        return WOULD_LOSE if compare.lost(part["tables"], now) else 0
    wrong = module.differences(part, {"tables": now})
    if wrong:
        raise Failed("compare", f"backup {manifest['id']} was restored, but {'; '.join(wrong[:5])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
