"""A summary without a model: the first sentence, the sentences with the text's most frequent words, and its size."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

_STOP = frozenset(
    (
        "the a an and or but of to in on at for with is are was were be been it its this that as by from not i you he "
        "she we they"
    ).split()
)


def summarise(text: str, sentences: int = 2) -> dict[str, Any]:
    parts = [part.strip() for part in re.split(r"(?<=[.!?])\s+", text.strip()) if part.strip()]
    words = re.findall(r"[\w'-]+", text.lower())
    frequent = Counter(word for word in words if word not in _STOP)

    def weight(index: int) -> float:
        own = re.findall(r"[\w'-]+", parts[index].lower())
        return sum(frequent[word] for word in own) / (len(own) or 1)

    others = sorted(range(1, len(parts)), key=weight, reverse=True)[: sentences - 1]
    chosen = [parts[index] for index in sorted([0, *others])] if parts else []
    return {
        "summary": " ".join(chosen),
        "words": len(words),
        "sentences": len(parts),
        "keywords": [w for w, _ in frequent.most_common(5)],
    }
