"""Log-ins that are named by the version of their password, and dropped once nobody uses them."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Protocol, TypeVar

FORMER = "app_"
"""What the users of applications begin with; the version of their password follows."""


class Server(Protocol):
    def close(self) -> None: ...


S = TypeVar("S", bound=Server)


def before(today: str, names: Iterable[str], times: Mapping[str, float]) -> set[str]:
    """Users of applications that were made before the one of today. `times`: when each was made, where it is noted."""
    return {
        name for name in names if name.startswith(FORMER) and name != today and times.get(name, 0) < times.get(today, 0)
    }


def prune(
    pause: int,
    admin: Callable[[], S],
    earlier: Callable[[S], set[str]],
    connected: Callable[[S], set[str]],
    drop: Callable[[S, str], None],
) -> None:
    """Drops the users of former passwords, once nothing has been connected as them for a while."""
    Path("/tmp/done").touch()
    former: set[str] = set()
    while True:
        try:
            with closing(admin()) as server:
                users = earlier(server)
                idle = users - connected(server) if users else users
                for name in sorted(idle & former):
                    drop(server, name)
                    print(f"dropped user {name}", flush=True)
            former = idle - former
        except Exception as error:
            print(f"former users stay for now: {type(error).__name__}: {error}", flush=True)
        time.sleep(pause)
