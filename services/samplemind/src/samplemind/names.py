"""Names: what a user calls a sample, shown and never used as a path; and what a sample is called here."""

from __future__ import annotations

import re
import secrets
import time
import unicodedata

LONGEST = 255  # characters
ID = re.compile(r"[0-9a-f]{32}")


def one_line(raw: str) -> str:
    """Text as it may be shown in a line."""
    spaced = re.sub(r"\s", " ", unicodedata.normalize("NFC", raw))
    # Cc, Cf, Cs, Co, Cn: controls, what turns the direction of writing, halves of characters, what means nothing.
    seen = "".join(c for c in spaced if not unicodedata.category(c).startswith("C"))
    return re.sub(" +", " ", seen).strip()


def display(raw: str) -> str:
    """A file name as it may be shown: one line, without a folder. Empty where nothing is left."""
    name = re.split(r"[/\\]", one_line(raw))[-1].strip()
    if name.strip(". ") == "":
        return ""
    if len(name) <= LONGEST:
        return name
    # The end tells the kind of file.
    stem, dot, end = name.rpartition(".")
    if not stem or len(end) > 10:
        return name[:LONGEST].strip()
    return stem[: LONGEST - len(dot + end)].strip() + dot + end


def new_id() -> str:
    """Ids sort by the millisecond of their making, so that a list needs no other order."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"
