"""MongoDB, and what speaks its protocol: log-ins named by their password, metrics from what the server says."""

import os
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure

from . import logins
from .exporter import WAIT, Sample
from .files import secret, secrets

HOST = os.environ.get("MONGO_HOST", "mongo")
ROOT = "root"
USERS = "admin"
"""The database that log-ins belong to."""
OWN = (USERS, "config", "local", "berth")
"""Databases of the server, and of this program."""
RESTORED = "_restored"
"""What the name of one ends with that a backup was restored into, to be compared."""

Client = MongoClient[dict[str, Any]]
Document = Mapping[str, Any]


def connect(user: str, password: str, wait: float = 5) -> Client:
    """
    @param wait Seconds for the server to answer.
    @raise OperationFailure where it does not take the password.
    """
    client: Client = MongoClient(
        HOST,
        username=user,
        password=password,
        authSource=USERS,
        appname=f"stores {sys.argv[1] if len(sys.argv) > 1 else ''}",
        serverSelectionTimeoutMS=int(wait * 1000),
        tz_aware=True,
    )
    try:
        # The driver logs in before it asks, and this is what every user may ask.
        client[USERS].command("ping")
    except Exception:
        client.close()  # or its threads would go on asking
        raise
    return client


def admin() -> Client:
    """As the superuser. Its password is that of the server's first start, until this changes it."""
    current, *former = secrets("admin-password")
    try:
        return connect(ROOT, current)
    except OperationFailure:
        for password in former:
            try:
                connect(ROOT, password)[USERS].command("updateUser", ROOT, pwd=current)
            except OperationFailure:
                continue
            print("changed the superuser's password", flush=True)
            return connect(ROOT, current)
        raise


def make_users(database: str, roles: bool) -> None:
    """
    The applications' user of today, the one that reads metrics, and the one that takes backups. Which release made
    the first one, and when, is noted: one that merely restarts leaves the time as it was.
    """
    client = admin()
    if why := begins_empty(database, client.list_database_names()):
        sys.exit(why)
    today = secret("mongo-user")
    put(client, today, secret("mongo-password"), [{"role": "readWrite", "db": database}] if roles else [])
    put(client, "monitor", secret("monitor-password"), monitor(database) if roles else [])
    if Path("/etc/berth/secrets/backup-password").exists():
        put(client, "backup", secret("backup-password"), backup(database) if roles else [])
    made = client["berth"]["users"]
    by = socket.gethostname()
    if made.count_documents({"_id": today, "by": by}) == 0:
        made.replace_one({"_id": today}, {"by": by, "at": time.time()}, upsert=True)


def begins_empty(database: str, names: Iterable[str]) -> str | None:
    """
    MongoDB makes a database when it is first written to: another name would be an empty one, and all seem well.
    @param names Databases of the server. @return why not
    """
    others = sorted(name for name in names if name not in OWN and not name.endswith(RESTORED))
    if database in others or not others:
        return None
    return (
        f"there is no database {database} (berth:mongo.database; unset, it is named after berth:environment), "
        f"and the data is in {', '.join(others)}: name that one, or move it"
    )


def monitor(database: str) -> list[Document]:
    return [{"role": "clusterMonitor", "db": USERS}, {"role": "read", "db": database}]


def backup(database: str) -> list[Document]:
    """It restores what it stored beside what it reads, to compare the two."""
    return [{"role": "read", "db": database}, {"role": "dbOwner", "db": f"{database}{RESTORED}"}]


def put(client: Client, user: str, password: str, roles: list[Document]) -> None:
    known = client[USERS].command("usersInfo", {"user": user, "db": USERS})["users"]
    # FerretDB takes no roles at all where it changes a password.
    granted: dict[str, Any] = {"roles": roles} if roles or not known else {}
    client[USERS].command({"updateUser" if known else "createUser": user, "pwd": password, **granted})


def prune(pause: int) -> None:
    """
    A server that does not say who is connected (FerretDB) shows nobody: there it is the pause alone that former
    containers get.
    """
    logins.prune(pause, admin, earlier, connected, drop)


def drop(client: Client, user: str) -> None:
    client[USERS].command("dropUser", user)
    client["berth"]["users"].delete_one({"_id": user})


def earlier(client: Client) -> set[str]:
    """Users of applications that were made before the one of today."""
    times = {row["_id"]: row["at"] for row in client["berth"]["users"].find()}
    names = {user["user"] for user in client[USERS].command("usersInfo")["users"]}
    return logins.before(secret("mongo-user"), names, times)


def connected(client: Client) -> set[str]:
    sessions = client[USERS].command({"currentOp": 1, "$all": True})["inprog"]
    return {user["user"] for session in sessions for user in session.get("effectiveUsers", ())}


def metrics() -> Iterable[Sample]:
    client = connect("monitor", secret("monitor-password"), WAIT)
    try:
        status = client[USERS].command("serverStatus")
        database = os.environ["MONGO_DATABASE"]
        counts = {name: client[database][name].estimated_document_count() for name in names_of(client, database)}
        stats = client[database].command("dbStats")
    finally:
        client.close()
    yield from samples(status, stats, counts)


def names_of(client: Client, database: str) -> list[str]:
    return sorted(name for name in client[database].list_collection_names() if not name.startswith("system."))


def samples(status: Document, stats: Document, counts: Mapping[str, int]) -> Iterator[Sample]:
    """@param status What serverStatus answers. @param stats What dbStats does. @param counts By collection."""
    yield "mongodb_uptime_seconds", {}, status["uptime"]
    for command, numbers in status.get("metrics", {}).get("commands", {}).items():
        # MongoDB lists some that are no commands, as numbers.
        if isinstance(numbers, Mapping) and numbers.get("total", 0) > 0:
            yield "mongodb_commands_total", {"command": command}, numbers["total"]
            yield "mongodb_commands_failed_total", {"command": command}, numbers.get("failed", 0)
    if "connections" in status:
        yield "mongodb_connections", {}, status["connections"]["current"]
        yield "mongodb_connections_available", {}, status["connections"]["available"]
    if "mem" in status:
        yield "mongodb_memory_resident_bytes", {}, status["mem"]["resident"] * 2**20
    yield "mongodb_data_bytes", {}, stats["dataSize"]
    yield "mongodb_storage_bytes", {}, stats["storageSize"] + stats.get("indexSize", 0)
    for collection, documents in counts.items():
        yield "mongodb_documents", {"collection": collection}, documents
