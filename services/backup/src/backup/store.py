"""The destination: a folder or a bucket, through rclone.

Everything is encrypted and authenticated before it leaves (rclone crypt).

A backup is a folder named by its id. It is good once `verified.json` is in it, which is written last.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .commands import run
from .manifest import Manifest, parse
from .settings import Failed, Settings

ID = re.compile(r"\d{8}T\d{6}Z")
MANIFEST, VERIFIED = "manifest.json", "verified.json"


@dataclass(frozen=True)
class Backup:
    id: str
    files: frozenset[str]
    manifest: Manifest | None = None
    """None: it could not be decrypted, or is not what was verified."""
    verified: dict[str, Any] | None = None
    problem: str = ""

    @property
    def marked(self) -> bool:
        return VERIFIED in self.files

    @property
    def readable(self) -> Manifest:
        """The manifest of a backup that has no problem."""
        assert self.manifest, f"backup {self.id}: {self.problem}"
        return self.manifest


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Store:
    def __init__(self, settings: Settings):
        self.settings = settings
        # In memory: the configuration holds the keys.
        self.scratch = Path(tempfile.mkdtemp(prefix="store-", dir="/tmp"))
        self.config = self.scratch / "rclone.conf"
        self.remotes = [f"key{n}:" for n in range(len(settings.keys))]
        descriptor = os.open(self.config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self._configuration())

    def close(self) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _configuration(self) -> str:
        s = self.settings
        sections = {}
        if s.bucket:
            sections["s3"] = {
                "type": "s3",
                "provider": "Other" if s.endpoint else "AWS",
                "access_key_id": s.secret("s3-access-key"),
                "secret_access_key": s.secret("s3-secret-key"),
                "endpoint": s.endpoint,
                "region": s.region,
                # Whoever may only write into the bucket may not ask for it.
                "no_check_bucket": "true",
                "force_path_style": "true" if s.endpoint else "false",
            }
        place = f"s3:{s.bucket}/{s.prefix}" if s.bucket else s.folder
        for n, key in enumerate(s.keys):
            obscured = run("encrypt", "rclone", "obscure", "-", stdin=key, env=self._env()).strip()
            sections[f"key{n}"] = {
                "type": "crypt",
                "remote": place,
                "filename_encryption": "off",
                "directory_name_encryption": "false",
                "password": obscured,
            }
        return "".join(
            f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in values.items() if value)
            for name, values in sections.items()
        )

    def _env(self) -> dict[str, str]:
        return {**os.environ, "HOME": str(self.scratch)}

    def _rclone(self, stage: str, *words: str) -> str:
        return run(
            stage,
            "rclone",
            "--config",
            str(self.config),
            "--cache-dir",
            str(self.scratch / "cache"),
            "--retries",
            "2",
            "--retries-sleep",
            "2s",
            "--low-level-retries",
            "3",
            "--contimeout",
            "10s",
            "--timeout",
            "60s",
            *words,
            env=self._env(),
        )

    def put(self, id: str, path: Path, stage: str = "upload") -> None:
        self._rclone(stage, "copyto", str(path), f"{self.remotes[0]}{id}/{path.name}")

    def get(self, id: str, names: list[str], to: Path, stage: str = "download") -> None:
        """Downloads and decrypts. @raise Failed where a file is missing, cut off or changed, or the key is another."""
        problem: Failed | None = None
        for remote in self.remotes:
            shutil.rmtree(to, ignore_errors=True)
            to.mkdir(parents=True)
            try:
                self._rclone(
                    stage,
                    "copy",
                    "--retries",
                    "1",
                    "--retries-sleep",
                    "0s",
                    *(word for name in names for word in ("--include", f"/{name}")),
                    f"{remote}{id}",
                    str(to),
                )
            except Failed as failed:
                problem = problem or failed
                continue
            absent = [name for name in names if not (to / name).exists()]
            if absent:
                raise Failed(stage, f"backup {id} has no {', '.join(absent)}")
            return
        assert problem
        raise problem

    def remove(self, id: str, stage: str = "prune") -> None:
        """The marker goes first: what is left of an interrupted removal is no backup."""
        if VERIFIED in self.contents().get(id, ()):
            self._rclone(stage, "deletefile", f"{self.remotes[0]}{id}/{VERIFIED}")
        self._rclone(stage, "purge", f"{self.remotes[0]}{id}")

    def contents(self) -> dict[str, set[str]]:
        """Id -> names of its files; asks for no key."""
        if self.settings.bucket:
            listed = self._rclone("list", "lsf", "-R", "--files-only", "--fast-list", self.remotes[0])
        else:
            if not os.path.isdir(self.settings.folder):
                raise Failed("list", f"there is no folder {self.settings.folder}")
            listed = self._rclone("list", "lsf", "-R", "--files-only", self.remotes[0])
        found: dict[str, set[str]] = {}
        for line in listed.splitlines():
            id, _, name = line.partition("/")
            if ID.fullmatch(id) and name:
                found.setdefault(id, set()).add(name)
        return found

    def backups(self) -> list[Backup]:
        """Every backup, newest first, those that were never verified too."""
        contents = self.contents()
        metas = self._metas(contents)
        return [read(id, frozenset(contents[id]), metas / id) for id in sorted(contents, reverse=True)]

    def _metas(self, contents: dict[str, set[str]]) -> Path:
        """Manifests and markers of all, in as few calls as there are keys; what no key opens stays away."""
        metas = self.scratch / "metas"
        shutil.rmtree(metas, ignore_errors=True)
        for remote in self.remotes:
            wanted = [
                f"/{id}/{name}"
                for id, names in contents.items()
                for name in (MANIFEST, VERIFIED)
                if name in names and not (metas / id / name).exists()
            ]
            if not wanted:
                break
            metas.mkdir(exist_ok=True)
            listing = self.scratch / "wanted"
            listing.write_text("\n".join(wanted))
            try:
                self._rclone(
                    "list",
                    "copy",
                    "--retries",
                    "1",
                    "--retries-sleep",
                    "0s",
                    "--files-from",
                    str(listing),
                    remote,
                    str(metas),
                )
            except Failed:
                continue
        return metas


def read(id: str, files: frozenset[str], folder: Path) -> Backup:
    """A backup from its small files."""

    def parsed(name: str, by: Callable[[str], Any]) -> Any:
        try:
            return by((folder / name).read_text())
        except (OSError, ValueError):
            return None

    manifest, verified = parsed(MANIFEST, parse), parsed(VERIFIED, json.loads)
    if manifest is None or manifest.get("id") != id or (VERIFIED in files and verified is None):
        return Backup(id, files, problem="cannot be decrypted with this key, or is damaged")
    if verified is not None and verified.get("manifest") != sha256(folder / MANIFEST):
        return Backup(id, files, problem="is not what was verified")
    return Backup(id, files, manifest, verified)
