"""A folder that services write, as a tar, without what is still being written: files whose names begin with a dot."""

import hashlib
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .manifest import Facts, Part
from .settings import Failed, Settings, Source
from .whole import stream

__all__ = ["stream"]


def take(settings: Settings, source: Source, to: Path, scratch: Path) -> Part:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    root = Path(source.given["path"])
    try:
        with tarfile.open(to, "w") as archive:
            for path in files_in(root):
                # What is deleted meanwhile is no part of it any more.
                if path.exists():
                    archive.add(path, str(path.relative_to(root)))
    except PermissionError as error:
        raise Failed("dump", f"{error.filename}: {error.strerror}") from None
    return {"snapshot": at, **inspect(to)}


def files_in(root: Path) -> list[Path]:
    paths = (path for path in root.rglob("*") if path.is_file())
    return sorted(path for path in paths if not any(part.startswith(".") for part in path.relative_to(root).parts))


def inspect(archive: Path) -> dict[str, Any]:
    with tarfile.open(archive) as opened:
        members = ((member.name, opened.extractfile(member)) for member in opened)
        return summed((name, file.read()) for name, file in members if file)


def summed(files: Iterator[tuple[str, bytes]]) -> dict[str, Any]:
    """Independent of their order."""
    count = size = checksum = 0
    for name, content in files:
        count, size = count + 1, size + len(content)
        digest = hashlib.sha256(name.encode() + b"\0" + content).digest()
        checksum = (checksum + int.from_bytes(digest[:8])) % 2**64
    return {"files": count, "bytes": size, "checksum": f"{checksum:016x}"}


def restored(settings: Settings, source: Source, path: Path, part: Part, folder: Path) -> Part:
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    return summed((str(one.relative_to(folder)), one.read_bytes()) for one in files_in(folder))


def differences(part: Part, found: Part) -> list[str]:
    keys = ("files", "bytes", "checksum")
    return [f"{key} {found[key]}, expected {part[key]}" for key in keys if part[key] != found[key]]


def rows(part: Part) -> int:
    files: int = part["files"]
    return files


def described(part: Part) -> str:
    return f"{part['files']} files"


def facts(at: str, since: str) -> str:
    raise Failed("compare", "a folder is not compared with what runs")


def tables(answer: str) -> Facts:
    raise Failed("compare", "a folder is not compared with what runs")
