"""The files that a container is given (plan/files.ts)."""

from pathlib import Path

SECRETS = Path("/etc/berth/secrets")


def secret(name: str) -> str:
    return (SECRETS / name).read_text().strip()


def secrets(name: str) -> list[str]:
    """One a line, the one of today first."""
    return list(dict.fromkeys(line.strip() for line in secret(name).splitlines() if line.strip()))
