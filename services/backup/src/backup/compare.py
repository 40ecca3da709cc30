"""What two looks at a database have in common. Pure: facts as facts.sql prints them."""

from datetime import UTC, datetime, timedelta

from .manifest import Facts, Manifest
from .settings import Source


def differences(expected: Facts, found: Facts) -> list[str]:
    """What a restored database has that its backup does not say, or the other way round; nothing: it is the same."""
    wrong = [f"{table} is missing" for table in sorted(expected.keys() - found.keys())]
    wrong += [f"{table} is not in the manifest" for table in sorted(found.keys() - expected.keys())]
    for table in sorted(expected.keys() & found.keys()):
        for what in ("rows", "checksum", "newest"):
            if expected[table][what] != found[table][what]:
                wrong.append(f"{table}: {what} {found[table][what]}, expected {expected[table][what]}")
    return wrong


def total(facts: Facts) -> int:
    return sum(fact["rows"] for fact in facts.values())


def lost(backup: Facts, now: Facts) -> dict[str, int]:
    """Table -> rows that a restore would take away: those with a later moment, or more than the backup has."""
    gone = {
        table: max(fact["newer"], fact["rows"] - (backup[table]["rows"] if table in backup else 0))
        for table, fact in now.items()
    }
    return {table: rows for table, rows in sorted(gone.items()) if rows > 0}


def preview(manifest: Manifest, source: Source, now: Facts, schema: str, at: datetime) -> str:
    """
    What the restore of a store would do, for a person. @param schema Version of what is there now. @param at The
    time now.
    """
    part = manifest["stores"][source.name]
    backup = part["tables"]
    gone = lost(backup, now)
    rows = [("table", "now", "in the backup", "newest in the backup", "would be lost")]
    for table in sorted(backup.keys() | now.keys()):
        here, there = now.get(table), backup.get(table)
        same = here and there and here["checksum"] == there["checksum"] and here["rows"] == there["rows"]
        rows.append(
            (
                table,
                str(here["rows"]) if here else "-",
                str(there["rows"]) if there else "-",
                short(there["newest"] if there else None),
                "nothing, it is the same" if same else str(gone.get(table, 0)),
            )
        )
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    version = part["schema"] or "none"
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)) + "  " + row[4]
        for row in rows
    ]
    heading = (
        f"backup {manifest['id']} of stack {manifest['stack']}: the database {part['database']} "
        f"as it was at {short(part['snapshot'])}, {age(moment(part['snapshot']), at)} ago"
    )
    now_version = schema or "none"
    versions = f"schema {version}"
    if version != now_version:
        versions += f", now {now_version}: migrations run again after the restore"
    sums = f"{total(now)} rows now, {total(backup)} in the backup; would be lost: {sum(gone.values())}"
    if gone:
        sums += f" ({', '.join(gone)})"
    return "\n".join([heading, versions, "", *lines, "", sums])


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def short(text: str | None) -> str:
    return "-" if not text else moment(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def age(then: datetime, now: datetime) -> str:
    seconds = int((now - then) / timedelta(seconds=1))
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} seconds"


def size(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 1000:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"
