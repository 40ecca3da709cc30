"""`python -m berth` runs app.main:app of the service until it is told to stop; requests under way get their time."""

from __future__ import annotations

import logging
import os
import signal

import uvicorn

from berth.loop import LOOP

GRACE = 50  # seconds; the catalogue's stopGrace is longer (systems/parts/python.ts)


def main() -> None:
    # uvicorn raises the signal again after a clean stop; by default that would turn it into exit code 143.
    signal.signal(signal.SIGTERM, lambda *_: None)
    uvicorn.run(
        "app.main:app",
        host="0.0.0.0",
        port=int(os.environ["PORT"]),
        loop=LOOP,
        reload=os.environ.get("RELOAD") == "true",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,  # longer than the edge keeps its side open, so that the edge closes first
        timeout_graceful_shutdown=GRACE,
    )
    logging.getLogger("berth").info("stopped")


if __name__ == "__main__":
    main()
