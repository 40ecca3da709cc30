"""What the clients of stores have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from berth import observe


class Remote:
    """A store that answers from somewhere else (berth/service.py): it connects when it is first asked, and counts
    nothing, unless a client does otherwise."""

    name: str

    async def open(self) -> None:
        """It connects when it is first asked."""

    def observe(self) -> None:
        """It counts nothing."""

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tells in the metrics whether it answered: what is done within did not fail."""
        up = False
        try:
            yield
            up = True
        finally:
            observe.DEPENDENCY_UP.labels(self.name).set(up)
