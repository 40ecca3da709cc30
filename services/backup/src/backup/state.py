"""What the service remembers: a file on its work volume, written under the lock, from which the metrics are made."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

STAGES = (
    "list",
    "encrypt",
    "dump",
    "snapshot",
    "upload",
    "download",
    "restore",
    "compare",
    "mark",
    "prune",
    "check",
    "other",
)


@dataclass
class State:
    attempted: float = 0
    """When the last run began, in seconds since 1970; so are all times here."""
    ok: bool = True
    error: str = ""
    verified: float = 0
    """Moment of the snapshot of the last verified backup; 0: there is none."""
    bytes: int = 0
    duration: float = 0
    verify_duration: float = 0
    rows: int = 0
    good: int = 0
    """Verified backups that could be read when they were last looked at."""
    failures: dict[str, int] = field(default_factory=dict)
    checks: dict[str, float] = field(default_factory=dict)
    """Id -> when its files were last read as a whole."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Id of a verified backup -> why it cannot be restored any more."""

    def count(self, stage: str) -> None:
        self.failures[stage] = self.failures.get(stage, 0) + 1

    def failed(self, stage: str, message: str) -> None:
        self.count(stage)
        self.ok, self.error = False, f"{stage}: {message}"


def load(path: Path) -> State:
    try:
        known = json.loads(path.read_text())
        return State(**{key: value for key, value in known.items() if key in State.__dataclass_fields__})
    except (OSError, ValueError, TypeError):
        return State()


def save(state: State, path: Path) -> None:
    """A full disk loses the news, not the file."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(state)))
    os.replace(fresh, path)


def metrics(state: State, every: int, keep: int, started: float) -> str:
    """The text that Prometheus reads."""
    lines = []

    def metric(name: str, kind: str, help: str, values: dict[str, float]) -> None:
        lines.extend(
            [
                f"# HELP {name} {help}",
                f"# TYPE {name} {kind}",
                *(f"{name}{labels} {value}" for labels, value in values.items()),
            ]
        )

    def gauge(name: str, help: str, value: float) -> None:
        metric(name, "gauge", help, {"": value})

    gauge(
        "backup_last_verified_timestamp_seconds",
        "Moment that the newest verified backup shows; 0: there is none.",
        state.verified,
    )
    gauge("backup_last_run_timestamp_seconds", "When the last run began.", state.attempted)
    gauge("backup_last_run_success", "Whether the last run ended with a verified backup.", int(state.ok))
    gauge("backup_last_size_bytes", "Size of the newest verified backup.", state.bytes)
    gauge("backup_last_rows", "Rows in it.", state.rows)
    gauge("backup_last_duration_seconds", "How long it took, verification included.", round(state.duration, 3))
    gauge(
        "backup_last_verify_duration_seconds",
        "How long its restore into a throwaway server and the comparison took.",
        round(state.verify_duration, 3),
    )
    gauge("backup_interval_seconds", "Seconds from one run to the next.", every)
    gauge("backup_kept", "Verified backups that can be read.", state.good)
    gauge("backup_keep", "How many are to be kept.", keep)
    gauge("backup_unreadable", "Verified backups that can be read no more.", len(state.unreadable))
    metric(
        "backup_failures_total",
        "counter",
        "Failed runs by the step that failed.",
        {f'{{stage="{stage}"}}': state.failures.get(stage, 0) for stage in STAGES},
    )
    gauge("process_start_time_seconds", "When the process began.", started)
    return "\n".join(lines) + "\n"
