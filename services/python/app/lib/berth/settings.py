"""Configuration: environment for what is not secret, files for what is.

Everything is read once; every problem is reported together, because a container that dies of one missing variable after
another costs a deployment per variable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit


class ConfigError(Exception):
    """Every problem found in the configuration, one a line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Reader:
    """Reads one variable after another, and keeps what is wrong in `problems`. Whoever reads last asks `done`."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.problems: list[str] = []

    def done(self) -> None:
        """Raises ConfigError with every problem at once."""
        if self.problems:
            raise ConfigError(self.problems)

    def require(self, role: str, names: tuple[str, ...]) -> None:
        for name in names:
            if not self.text(name):
                what = "a path to a file that holds the secret" if name.endswith("_FILE") else "a value"
                self.problems.append(f"{name}: is missing; the role {role!r} needs {what}")

    def text(self, name: str, default: str = "") -> str:
        return self._env.get(name, "").strip() or default

    def number(self, name: str, default: int, low: int, high: int) -> int:
        raw = self.text(name, str(default))
        if re.fullmatch(r"\d+", raw) and low <= int(raw) <= high:
            return int(raw)
        self.problems.append(f"{name}: got {raw!r}, needs a whole number from {low} to {high}")
        return default

    def flag(self, name: str) -> bool:
        raw = self.text(name, "false").lower()
        if raw not in ("true", "false"):
            self.problems.append(f"{name}: got {raw!r}, needs true or false")
        return raw == "true"

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        raw = self.text(name, default)
        if raw not in allowed:
            self.problems.append(f"{name}: got {raw!r}, needs one of {', '.join(allowed)}")
        return raw

    def url(self, name: str, raw: str, schemes: tuple[str, ...], secret: bool = False) -> str:
        parts = urlsplit(raw)
        if raw and (parts.scheme not in schemes or not parts.hostname):
            shown = "its content" if secret else repr(raw)
            self.problems.append(f"{name}: {shown} is not a URL with scheme {' or '.join(schemes)} and a host")
        return raw.rstrip("/")

    def secret(self, name: str) -> str:
        """Content of the file that the variable names; empty where it names none."""
        path = self.text(name)
        if not path:
            return ""
        try:
            content = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(f"{name}: cannot read {path}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}")
            return ""
        if not content:
            self.problems.append(f"{name}: {path} is empty")
        return content

    def keys(self, name: str, least: int) -> tuple[str, ...]:
        """One key a line of the file that the variable names, each of `least` characters or more."""
        found = tuple(line.strip() for line in self.secret(name).splitlines() if line.strip())
        for index, key in enumerate(found, start=1):
            if len(key) < least:
                self.problems.append(f"{name}: key {index} has {len(key)} characters, needs {least} or more")
        return found
