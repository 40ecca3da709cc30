"""Neo4j: log-ins named by their password, metrics from what the server says. Community knows no roles."""

import os
import socket
import time
from collections.abc import Iterator

from berth.neo4j_admin import NOTES, SYSTEM, Neo4j, Refused

from . import logins
from .exporter import Sample
from .files import SECRETS, secret, secrets

ADMIN = "neo4j"
#: What the server lets its first user in with, to set another one and for nothing else.
FIRST = "neo4j"
UNAUTHORIZED = "Neo.ClientError.Security.Unauthorized"
OWN = "ALTER CURRENT USER SET PASSWORD FROM $now TO $next"


def connect(user: str, password: str, timeout: float = 30) -> Neo4j:
    """@raise Refused where the server does not take the password, or wants another one first."""
    server = Neo4j(os.environ.get("NEO4J_HOST", "neo4j"), user, password, timeout=timeout)
    server.rows("RETURN 1")
    return server


def admin() -> Neo4j:
    """As the first user, whose password this changes to the one of today."""
    current, *former = secrets("admin-password")
    try:
        return connect(ADMIN, current)
    except Refused as error:
        if error.code != UNAUTHORIZED:
            raise
    for password in (FIRST, *former):
        try:
            server = Neo4j(os.environ.get("NEO4J_HOST", "neo4j"), ADMIN, password)
            server.rows(OWN, SYSTEM, now=password, next=current)
        except Refused as error:
            if error.code != UNAUTHORIZED:
                raise
            # Three wrong ones, and it hears nobody for five seconds.
            time.sleep(2)
            continue
        print("changed the first user's password", flush=True)
        break
    return connect(ADMIN, current)


def make_users() -> None:
    """
    The applications' user of today, the one that reads metrics, and the one that takes backups. Which release made
    the first one, and when, is noted: one that merely restarts leaves the time as it was.
    """
    server = admin()
    today = secret("neo4j-user")
    put(server, today, secret("neo4j-password"))
    put(server, "monitor", secret("monitor-password"))
    if (SECRETS / "backup-password").exists():
        put(server, "backup", secret("backup-password"))
    server.rows(
        f"MERGE (n:{NOTES} {{user: $user}}) WITH n WHERE coalesce(n.by, '') <> $by SET n.by = $by, n.at = $at",
        user=today,
        by=socket.gethostname(),
        at=time.time(),
    )


def put(server: Neo4j, user: str, password: str) -> None:
    server.rows(
        "CREATE USER $user IF NOT EXISTS SET PASSWORD $password CHANGE NOT REQUIRED",
        SYSTEM,
        user=user,
        password=password,
    )
    try:
        server.rows("ALTER USER $user SET PASSWORD $password", SYSTEM, user=user, password=password)
    except Refused as error:
        if "cannot be the same" not in str(error):
            raise


def prune(pause: int) -> None:
    logins.prune(pause, admin, earlier, connected, drop)


def drop(server: Neo4j, user: str) -> None:
    server.rows("DROP USER $user IF EXISTS", SYSTEM, user=user)
    server.rows(f"MATCH (n:{NOTES} {{user: $user}}) DELETE n", user=user)


def earlier(server: Neo4j) -> set[str]:
    """Users of applications that were made before the one of today."""
    times = dict(server.rows(f"MATCH (n:{NOTES}) RETURN n.user, n.at"))
    names = {str(row[0]) for row in server.rows("SHOW USERS YIELD user RETURN user", SYSTEM)}
    return logins.before(secret("neo4j-user"), names, times)


def connected(server: Neo4j) -> set[str]:
    return {str(row[0]) for row in server.rows("CALL dbms.listConnections() YIELD username RETURN username")}


HEAP = """CALL dbms.queryJmx("java.lang:type=Memory") YIELD attributes
WITH attributes.HeapMemoryUsage.value.properties AS heap RETURN heap.used, heap.max"""


def metrics() -> Iterator[Sample]:
    began = time.perf_counter()
    server = connect("monitor", secret("monitor-password"), timeout=8)
    try:
        yield "neo4j_answer_seconds", {}, time.perf_counter() - began
        yield "neo4j_nodes", {}, server.rows("MATCH (n) RETURN count(n)")[0][0]
        yield "neo4j_relationships", {}, server.rows("MATCH ()-[r]->() RETURN count(r)")[0][0]
        yield "neo4j_connections", {}, len(server.rows("CALL dbms.listConnections() YIELD username RETURN username"))
        used, most = server.rows(HEAP)[0]
        yield "neo4j_heap_bytes", {}, used
        yield "neo4j_heap_max_bytes", {}, most
    finally:
        server.close()
