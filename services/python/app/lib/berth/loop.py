"""How a service's event loop is: Python's own, with threads enough.

uvloop lets one connection in each time round: where many come at once, they wait in the kernel for seconds, before
anybody could refuse them (docs/decisions/0020-overload.md)."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

LOOP = "asyncio"
THREADS = 32


def enough_threads() -> None:
    """Names are resolved in threads: of few, those that ask for a service that is away would hold all."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "default"))
