"""`python -m berth` runs app.main:app of the service until it is told to stop; requests under way get their time.

In UVICORN_WORKERS processes (default 1), on the event loop UVICORN_LOOP: asyncio (default, berth/loop.py) or uvloop."""

from __future__ import annotations

import logging
import os
import signal
import tempfile

import uvicorn

from berth.bodies import MOST
from berth.loop import LOOP

GRACE = 50  # seconds; the catalogue's stopGrace is longer (systems/parts/python.ts)


def main() -> None:
    workers = int(os.environ.get("UVICORN_WORKERS", "1"))
    reload = os.environ.get("RELOAD") == "true"
    if workers > 1 and not reload:
        # Where the processes leave what they count (berth/observe.py): before any of them imports it.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="metrics-")
    # uvicorn raises the signal again after a clean stop; by default that would turn it into exit code 143.
    signal.signal(signal.SIGTERM, lambda *_: None)
    uvicorn.run(
        "app.main:app",
        host="0.0.0.0",
        port=int(os.environ["PORT"]),
        loop=os.environ.get("UVICORN_LOOP", LOOP),
        workers=workers,
        reload=reload,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,  # longer than the edge keeps its side open, so that the edge closes first
        timeout_graceful_shutdown=GRACE,
        ws_max_size=MOST,
        # A process that is busy for some seconds works: the default of 5 would end it with its requests.
        timeout_worker_healthcheck=60,
    )
    logging.getLogger("berth").info("stopped")


if __name__ == "__main__":
    main()
