"""Starts other programs. Nothing secret is ever in an argument."""

import re
import subprocess

from .settings import Failed


def run(
    stage: str, *command: str, stdin: str | None = None, timeout: int = 6 * 3600, env: dict[str, str] | None = None
) -> str:
    """@return what it wrote. @raise Failed with its last words."""
    try:
        # What waits for input must find its end, not the terminal of whoever called.
        done = subprocess.run(
            command, input=stdin or "", capture_output=True, text=True, errors="replace", timeout=timeout, env=env
        )
    except subprocess.TimeoutExpired:
        raise Failed(stage, f"{command[0]} did not end in {timeout} s") from None
    if done.returncode != 0:
        # rclone says the same thing for every attempt.
        last = words(done.stderr or done.stdout, 1 if command[0] == "rclone" else 2)
        raise Failed(stage, f"{command[0]}: {last}")
    return done.stdout


def words(text: str, lines: int = 2) -> str:
    """The last lines that say something, as one, without their times."""
    text = re.sub(r"(?m)^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ", "", text)
    return "; ".join([line.strip() for line in text.splitlines() if line.strip()][-lines:])[:600] or "it said nothing"
