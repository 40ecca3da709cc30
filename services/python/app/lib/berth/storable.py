"""What stores take. Each refuses in its own way a text with a NUL or half a character, and keeps what cannot be read
again: a value that is nested too deep, a time beyond the calendar."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

# Levels of lists and objects. Answers are written to fewer than 255.
DEEPEST = 100

T = TypeVar("T")
_HALF = re.compile("[\ud800-\udfff]")


def unstorable(value: object) -> str | None:
    """Why no store takes a value as JSON has them; None: it is taken, and read again."""
    level = [value]
    for _ in range(DEEPEST + 1):
        for part in level:
            if isinstance(part, str) and "\0" in part:
                return "has a NUL character, which cannot be stored"
            if isinstance(part, str) and _HALF.search(part):
                return "has half a character (a lone surrogate), which cannot be stored"
            if isinstance(part, float) and not math.isfinite(part):
                return "has a number that is none, or infinite"
        holders = [part for part in level if isinstance(part, (dict, list))]
        if not holders:
            return None
        level = [inner for held in holders for inner in ((*held, *held.values()) if isinstance(held, dict) else held)]
    return f"has more than {DEEPEST} levels"


def _checked(value: T) -> T:
    if why := unstorable(value):
        raise PydanticCustomError("unstorable", "{why}", {"why": why})
    return value


def moment(given: datetime) -> datetime:
    """In UTC, which a time without a zone is in. Raises ValueError where the calendar has no such time there."""
    try:
        return given.astimezone(UTC) if given.tzinfo else given.replace(tzinfo=UTC)
    except OverflowError:
        raise PydanticCustomError("no_time", "is not in the years 1 to 9999") from None


#: For annotations of pydantic: `Annotated[str, STORABLE]`, `Annotated[datetime, MOMENT]`.
STORABLE = AfterValidator(_checked)
MOMENT = AfterValidator(moment)
