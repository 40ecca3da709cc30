"""Text taken apart: passages, sentences, and who or what is named in them."""

from __future__ import annotations

import re
from itertools import pairwise

PASSAGE = 600  # characters, about
ENTITIES = 40  # of a passage, at most
#: Characters. Text in capitals is one name from end to end, and the graph's index takes none of more than 8 KB.
NAME = 100
RELATION = 4  # words between two names that say how they belong together, at most
BESIDE = "appears with"

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n{2,}")
_WORD = r"[A-ZÀ-ÖØ-Þ][\w'\u2019-]*\w"
#: Words with a capital, in a row: Ada Lovelace, Analytical Engine, PostgreSQL, NASA.
_NAME = re.compile(rf"\b{_WORD}(?: (?:(?:of|the|de|von|van) )?{_WORD})*")
#: With a capital for where they stand.
_COMMON = frozenset(
    "A An And As At Both But By For From He Her His How However I If In Is It Its No Not Of On Or Our She So That The "
    "Their Then There These They This Those To We What When Where Which While Who Why With You Your".split()
)


def sentences(text: str) -> list[str]:
    return [" ".join(part.split()) for part in _SENTENCE.split(text) if part.strip()]


def passages(text: str, size: int = PASSAGE) -> list[str]:
    """Whole sentences together, about `size` characters each; a sentence that is longer is cut at words."""
    found: list[str] = []
    current = ""
    for sentence in sentences(text):
        while len(sentence) > size:
            cut = sentence.rfind(" ", 1, size)
            cut = size if cut < 1 else cut
            if current:
                found.append(current)
            current, sentence = sentence[:cut], sentence[cut:].lstrip()
        if current and len(current) + 1 + len(sentence) > size:
            found.append(current)
            current = ""
        current = f"{current} {sentence}".strip()
    return [*found, current] if current else found


def _names(sentence: str) -> list[tuple[int, int, str]]:
    """Start, end and name, in the order of the sentence."""
    found = []
    for match in _NAME.finditer(sentence):
        start, name = match.start(), match.group()
        first, _, rest = name.partition(" ")
        while first in _COMMON and rest:
            start += len(first) + 1
            first, _, rest = (name := rest).partition(" ")
        if name not in _COMMON and len(name) <= NAME:
            found.append((start, match.end(), name))
    return found


def entities(text: str) -> list[str]:
    """Names, each once, in the order of the text."""
    return list(dict.fromkeys(name for sentence in sentences(text) for _, _, name in _names(sentence)))[:ENTITIES]


def relations(text: str) -> list[tuple[str, str, str]]:
    """Names that follow each other in a sentence, with the words between them where they are few."""
    found: dict[tuple[str, str, str], None] = {}
    for sentence in sentences(text):
        for (_, end, one), (start, _, other) in pairwise(_names(sentence)):
            between = re.sub(r"[^\w' -]", " ", sentence[end:start]).split()
            if one != other:
                said = " ".join(between).lower() if 1 <= len(between) <= RELATION else BESIDE
                found[(one, BESIDE if said in ("and", "or") else said, other)] = None
    return list(found)[: 2 * ENTITIES]
