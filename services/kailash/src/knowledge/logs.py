"""Logs as the house has them, and less of the SDKs', which write lines for every node that they make."""

from __future__ import annotations

import logging
import os

from berth import observe

SDKS = ("kailash", "kailash_mcp", "nexus", "dataflow", "mcp", "httpx", "websockets")


def set_up() -> None:
    """Before an SDK is imported: what it finds already set up, it leaves so."""
    level = os.environ.get("LOG_LEVEL", "INFO")
    observe.set_up_logs(level)
    if level != "DEBUG":
        for name in SDKS:
            logging.getLogger(name).setLevel(logging.WARNING)
        # Three lines for a request that is refused; what fails is said once more, by its API.
        for name in ("HandlerNode", "kailash.runtime", "kailash.nodes"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        # A line for every attempt; what came of them is said once.
        logging.getLogger("neo4j").setLevel(logging.ERROR)
