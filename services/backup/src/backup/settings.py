"""What the service is told: environment for what is open, files under /etc/berth/secrets for what is not."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORK = "/var/lib/postgresql/data"
"""Where PostgreSQL's image declares a volume, up to version 17: one is there anyway, so it is put to use."""


class Failed(Exception):
    """A step that did not succeed. `stage` is a label of the metric, `str()` what a person reads."""

    def __init__(self, stage: str, message: str):
        super().__init__(message)
        self.stage = stage


@dataclass(frozen=True)
class Source:
    """A store that is backed up, as its object says (systems/stores)."""

    name: str
    title: str
    """As people write it."""
    module: str
    """Module of this package that takes and restores it."""
    file: str
    """Its file in a backup."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """What its module alone reads."""


@dataclass(frozen=True)
class Settings:
    stack: str
    environment: str
    sources: tuple[Source, ...]
    every: int = 21600
    """Seconds from one run to the next."""
    keep: int = 14
    """How many verified backups are kept."""
    folder: str = "/backups"
    """Where they go, unless there is a bucket."""
    bucket: str = ""
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    work: Path = Path(WORK)
    """A volume for the dump and the throwaway servers."""
    secrets: Path = Path("/etc/berth/secrets")
    metrics_port: int = 9300

    def secret(self, name: str) -> str:
        return (self.secrets / name).read_text().strip()

    def source(self, name: str) -> Source:
        """@raise Failed where the stack has no such store."""
        for source in self.sources:
            if source.name == name:
                return source
        names = ", ".join(source.name for source in self.sources)
        raise Failed("list", f'there is no store "{name}" in this stack, which has {names}')

    @property
    def keys(self) -> list[str]:
        """The key that encrypts, then those that still decrypt: one a line, so that a key may be a sentence."""
        return list(dict.fromkeys(line.strip() for line in self.secret("backup-key").splitlines() if line.strip()))

    @property
    def destination(self) -> str:
        return f"{self.endpoint or 'S3'}, {self.bucket}/{self.prefix}" if self.bucket else self.folder


def load(env: Mapping[str, str] = os.environ) -> Settings:
    """@raise SystemExit naming every variable that is wrong."""
    problems = [f"{name} is missing" for name in ("BACKUP_STACK", "APP_ENV") if not env.get(name)]

    def number(name: str, default: int) -> int:
        value = env.get(name, str(default))
        if re.fullmatch(r"[1-9]\d*", value):
            return int(value)
        problems.append(f"{name}: got {value!r}, allowed: a whole number from 1")
        return default

    every, keep = number("BACKUP_EVERY", 21600), number("BACKUP_KEEP", 14)
    metrics_port = number("METRICS_PORT", 9300)
    place = Path(env.get("BACKUP_STORES", "/etc/berth/stores.json"))
    try:
        sources = tuple(Source(**told) for told in json.loads(place.read_text()))
        if not sources:
            problems.append(f"{place} names no store")
    except (OSError, ValueError, TypeError) as error:
        problems.append(f"{place} cannot be read: {error}")
    if problems:
        raise SystemExit("the configuration is not valid: " + "; ".join(problems))
    return Settings(
        stack=env["BACKUP_STACK"],
        environment=env["APP_ENV"],
        sources=sources,
        every=every,
        keep=keep,
        folder=env.get("BACKUP_FOLDER", "/backups"),
        bucket=env.get("BACKUP_S3_BUCKET", ""),
        prefix=env.get("BACKUP_S3_PREFIX", "").strip("/"),
        endpoint=env.get("BACKUP_S3_ENDPOINT", ""),
        region=env.get("BACKUP_S3_REGION", ""),
        work=Path(env.get("BACKUP_WORK", WORK)),
        metrics_port=metrics_port,
    )
