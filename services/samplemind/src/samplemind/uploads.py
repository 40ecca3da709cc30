"""An upload becomes a whole file or none: written beside, synced, then linked to its name."""

from __future__ import annotations

import asyncio
import errno
import filecmp
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from berth.problems import Problem
from samplemind import sniff

#: Folder of what is not whole yet; on the same file system as the samples.
INCOMING = ".incoming"
#: Bytes that must stay free: the stores may be on the same disk.
RESERVE = 64_000_000


# A new one each time: an exception keeps all frames that it was ever raised in, with what they hold.
def no_space() -> Problem:
    return Problem(507, "no_space", "the disk is full; nothing was stored")


def key_used() -> Problem:
    return Problem(409, "key_used", "this Idempotency-Key came with another file before")


def too_large(limit: int) -> Problem:
    return Problem(
        413, "too_large", f"the file is larger than {limit // 1_000_000} MB, which is the most that is taken"
    )


def admit(declared: int | None, folder: Path, limit: int, free: Callable[[Path], int] | None = None) -> None:
    """Refuses, before a byte is read, what cannot succeed."""
    if declared is not None and declared > limit:
        raise too_large(limit)
    if declared == 0:
        raise Problem(422, "empty", "the file is empty")
    folder.mkdir(parents=True, exist_ok=True)
    left = free(folder) if free else shutil.disk_usage(folder).free
    if left < (declared or 0) + RESERVE:
        raise no_space()


async def store(
    chunks: AsyncIterator[bytes],
    target: Path,
    limit: int,
    patience: float,
    write: Callable[[int, bytes], int] = os.write,
) -> tuple[int, str]:
    """Writes what comes to `target`; returns its size in bytes and its kind (sniff.kind).

    Holds one chunk at a time. Whatever goes wrong, nothing is left. Raises Problem for what is refused, too large,
    empty, slower than `patience` seconds a chunk, or does not fit on the disk."""
    incoming = target.parent / INCOMING / f"{target.name}.{secrets.token_hex(4)}"
    incoming.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(incoming, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    try:
        try:
            size, kind = await _write(chunks, file, limit, patience, write)
            await asyncio.to_thread(os.fsync, file)
        finally:
            os.close(file)
        await asyncio.to_thread(_place, incoming, target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise no_space() from error
        raise
    finally:
        incoming.unlink(missing_ok=True)
    return size, kind


async def _write(
    chunks: AsyncIterator[bytes], file: int, limit: int, patience: float, write: Callable[[int, bytes], int]
) -> tuple[int, str]:
    size, head, kind = 0, b"", None
    source = aiter(chunks)
    while True:
        try:
            async with asyncio.timeout(patience):
                chunk = await anext(source, None)
        except TimeoutError:
            raise Problem(408, "too_slow", f"nothing came for {patience:.0f} s; nothing was stored") from None
        if kind is None and (chunk is None or len(head) < sniff.ENOUGH):
            head = (head + (chunk or b""))[: sniff.ENOUGH]
            if chunk is None or len(head) == sniff.ENOUGH:
                if not head:
                    raise Problem(422, "empty", "the file is empty")
                kind = sniff.kind(head)
                if kind is None:
                    raise Problem(415, "unsupported_type", "the file is none of WAV, FLAC and MP3")
        if chunk is None:
            assert kind
            return size, kind
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        while chunk:
            chunk = chunk[await asyncio.to_thread(write, file, chunk) :]


def _place(incoming: Path, target: Path) -> None:
    """Another upload of the same sample may have been first, which is as good where it is the same file."""
    try:
        os.link(incoming, target)
    except FileExistsError:
        if not filecmp.cmp(incoming, target, shallow=False):
            raise key_used() from None
        return
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
