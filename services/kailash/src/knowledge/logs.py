"""Logs as the house has them, and less of the SDKs', which write lines for every node that they make."""

from __future__ import annotations

import logging
import os

from berth import observe

#: Several lines for a request that is refused, which its API says once more; one for each attempt at a server.
LOUD = ("HandlerNode", "kailash.runtime", "kailash.nodes", "neo4j")


def set_up() -> None:
    """Before an SDK is imported: what it finds already set up, it leaves so. And once more after the service's shell,
    which sets up its own."""
    level = os.environ.get("LOG_LEVEL", "INFO")
    observe.set_up_logs(level)
    if level == "DEBUG":
        return
    # By class, by package, and by nothing that they have in common: hence all but ours.
    logging.getLogger().setLevel(logging.WARNING)
    for name in ("berth", "knowledge"):
        logging.getLogger(name).setLevel(level)
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL)
