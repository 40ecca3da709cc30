"""What needs no server: bin/test python runs this. What does: test/systems/samplemind."""

import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure

from berth.chroma_admin import Chroma
from berth.neo4j_admin import Refused, plain, typed
from stores import exporter, files, mongo, neo4j, restore

STATUS = {
    "uptime": 12.5,
    "connections": {"current": 3, "available": 97},
    "mem": {"resident": 2},
    "metrics": {"commands": {"find": {"total": 5, "failed": 1}, "insert": {"total": 0}, "<UNKNOWN>": 4}},
}
STATS = {"dataSize": 10, "storageSize": 20, "indexSize": 5}


def test_tells_of_mongodb_what_it_says() -> None:
    told = exporter.text(mongo.samples(STATUS, STATS, {"samples": 7}))
    assert told.splitlines() == [
        "mongodb_uptime_seconds 12.5",
        'mongodb_commands_total{command="find"} 5',
        'mongodb_commands_failed_total{command="find"} 1',
        "mongodb_connections 3",
        "mongodb_connections_available 97",
        "mongodb_memory_resident_bytes 2097152",
        "mongodb_data_bytes 10",
        "mongodb_storage_bytes 25",
        'mongodb_documents{collection="samples"} 7',
    ]


@pytest.mark.parametrize(
    ("names", "empty"),
    [
        (["admin", "config", "local"], False),
        (["admin", "berth", "sm_prod", "sm_prod_restored"], False),
        (["admin", "berth", "sm_stage_restored"], False),
        (["admin", "berth", "sm_stage"], True),
    ],
)
def test_another_name_is_no_database_while_the_data_is_in_one(names: list[str], empty: bool) -> None:
    why = mongo.begins_empty("sm_prod", names)
    assert (why is not None) == empty
    assert why is None or ("no database sm_prod" in why and "in sm_stage:" in why)


def test_leaves_out_what_ferretdb_does_not_say() -> None:
    told = exporter.text(mongo.samples({"uptime": 1, "metrics": {"commands": {}}}, STATS, {}))
    assert "connections" not in told and "resident" not in told and "mongodb_data_bytes 10\n" in told


def test_a_store_that_does_not_answer_is_down_and_its_exporter_is_not() -> None:
    def gone() -> Iterator[exporter.Sample]:
        yield "mongodb_data_bytes", {}, 1
        raise OSError("refused")

    assert exporter.answer("mongodb_up", gone) == "mongodb_up 0\n"
    assert exporter.answer("mongodb_up", lambda: [("a", {"b": 'x"\n'}, 2)]) == 'mongodb_up 1\na{b="x\\"\\n"} 2\n'


#: What MongoDB 7.0 lets a role do, of what is asked here (builtin_roles.yml of its source); FerretDB refuses nothing.
ROLES = {
    "everybody": {"ping", "hello", "connectionStatus"},
    "clusterMonitor": {"serverStatus", "dbStats", "collStats"},
    "read": {"find", "count", "dbStats", "listCollections", "listIndexes"},
}


class Strict:
    """A server that holds a user to its roles, or one of its databases."""

    def __init__(self, roles: list[mongo.Document], name: str = "") -> None:
        self.roles, self.name = roles, name

    def __getitem__(self, name: str) -> "Strict":
        return Strict(self.roles, name if not self.name else self.name)

    def close(self) -> None:
        pass

    def command(self, command: str, **_: object) -> object:
        held = [role["role"] for role in self.roles if role["db"] == self.name or role["role"] == "clusterMonitor"]
        if not any(command in ROLES[role] for role in ("everybody", *held)):
            raise OperationFailure(f"not authorized on {self.name} to execute command {command}", 13)
        return {"serverStatus": STATUS, "dbStats": STATS}.get(command)

    def list_collection_names(self) -> list[str]:
        self.command("listCollections")
        return ["samples"]

    def estimated_document_count(self) -> int:
        self.command("count")
        return 7


def test_who_reads_metrics_asks_for_nothing_that_its_roles_do_not_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongo, "MongoClient", lambda *_, **__: Strict(mongo.monitor("sm_prod")))
    monkeypatch.setattr(mongo, "secret", lambda name: "p")
    monkeypatch.setenv("MONGO_DATABASE", "sm_prod")
    assert ("mongodb_documents", {"collection": "samples"}, 7) in list(mongo.metrics())


def test_users_of_applications_that_were_made_before_today_are_earlier(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo, "secret", lambda name: "app_now")

    class Admin(dict[str, object]):
        def command(self, *_: object, **__: object) -> dict[str, object]:
            names = ("root", "monitor", "app_old", "app_now", "app_next", "app_unknown")
            return {"users": [{"user": name} for name in names]}

    class Users:
        def find(self) -> list[dict[str, object]]:
            return [{"_id": "app_old", "at": 1.0}, {"_id": "app_now", "at": 2.0}, {"_id": "app_next", "at": 3.0}]

    client = {"admin": Admin(), "berth": {"users": Users()}}
    assert mongo.earlier(client) == {"app_old", "app_unknown"}  # type: ignore[arg-type]


def test_who_is_connected_is_read_off_the_sessions() -> None:
    class Admin:
        def command(self, asked: dict[str, object]) -> dict[str, object]:
            assert asked["$all"] is True
            return {"inprog": [{"effectiveUsers": [{"user": "app_old", "db": "admin"}]}, {"desc": "idle"}]}

    assert mongo.connected({"admin": Admin()}) == {"app_old"}  # type: ignore[arg-type]


def test_secrets_are_one_a_line_the_one_of_today_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "secret", lambda name: "now\nformer\n\nnow")
    assert files.secrets("admin-password") == ["now", "former"]


class Collection:
    """Keeps documents by their id, as far as a restore asks for it, and counts what it writes."""

    def __init__(self, *documents: dict[str, object]) -> None:
        self.documents = {document["_id"]: document for document in documents}
        self.indexes: list[object] = []
        self.written: list[object] = []

    def find(self) -> list[RawBSONDocument]:
        return [RawBSONDocument(bson.encode(one)) for one in self.documents.values()]

    def insert_many(self, some: list[RawBSONDocument]) -> None:
        for one in some:
            self.put(one)

    def replace_one(self, which: dict[str, object], one: RawBSONDocument) -> None:
        assert which["_id"] in self.documents
        self.put(one)

    def put(self, one: RawBSONDocument) -> None:
        self.written.append(one["_id"])
        self.documents[one["_id"]] = bson.decode(one.raw)

    def delete_many(self, which: dict[str, dict[str, list[object]]]) -> None:
        for id in which["_id"]["$in"]:
            del self.documents[id]

    def create_index(self, keys: object, **options: object) -> None:
        self.indexes.append((keys, options))


class Database(dict[str, Collection]):
    def get_collection(self, name: str, codec_options: object) -> Collection:
        return self[name]


def test_a_restore_brings_back_what_was_deletes_what_came_later_and_leaves_the_rest() -> None:
    archive = io.BytesIO()
    texts = {
        "sm/samples.bson": b"".join(bson.encode({"_id": id, "n": n}) for id, n in (("a", 1), ("b", 2), ("d", 4))),
        "sm/samples.metadata.json": json.dumps(
            {
                "indexes": [
                    {"name": "_id_", "key": [["_id", 1]]},
                    {"name": "n", "key": {"n": -1}, "unique": True, "v": 2},
                    {"name": "former", "key": [["m", 1]]},
                ]
            }
        ).encode(),
    }
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in texts.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    archive.seek(0)
    samples = Collection({"_id": "b", "n": 9}, {"_id": "c"}, {"_id": "d", "n": 4})
    database = Database(samples=samples, others=Collection({"_id": "x"}))
    restore.mongo(archive, database)  # type: ignore[arg-type]
    assert samples.documents == {id: {"_id": id, "n": n} for id, n in (("a", 1), ("b", 2), ("d", 4))}
    assert sorted(map(str, samples.written)) == ["a", "b"]
    assert samples.indexes == [([("n", -1)], {"name": "n", "unique": True}), ([("m", 1)], {"name": "former"})]
    assert database["others"].documents == {"x": {"_id": "x"}}


@pytest.fixture
def chroma() -> Iterator[tuple[Chroma, dict[str, list[float]]]]:
    """Something that answers as Chroma does, with one collection of the id 1."""
    records: dict[str, list[float]] = {"old": [0.0], "later": [9.0]}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            what = self.path.rsplit("/", 1)[1]
            if what == "upsert":
                records.update(zip(body["ids"], body["embeddings"], strict=True))
            elif what == "delete":
                for id in body["ids"]:
                    del records[id]
            ids = list(records)[body["offset"] : body["offset"] + body["limit"]] if what == "get" else []
            answer = {"id": "1"} if what == "collections" else {"ids": ids} if what == "get" else {}
            self.say(200, answer)

        def do_GET(self) -> None:
            self.say(404, {"error": "no such thing"})

        def say(self, status: int, answer: object) -> None:
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Chroma("127.0.0.1", server.server_port), records
    server.shutdown()


def test_vectors_are_restored_over_what_runs(chroma: tuple[Chroma, dict[str, list[float]]]) -> None:
    server, records = chroma
    lines = [
        {"name": "sounds", "metadata": None, "configuration_json": {}},
        {"ids": ["old", "other"], "embeddings": [[1.0], [2.0]], "metadatas": None, "documents": None},
    ]
    restore.chroma(io.BytesIO("\n".join(map(json.dumps, lines)).encode()), server)
    assert records == {"old": [1.0], "other": [2.0]}


def test_a_refusal_of_chroma_says_what_was_asked(chroma: tuple[Chroma, dict[str, list[float]]]) -> None:
    with pytest.raises(ValueError, match=r"GET .*/collections.*: 404 .*no such thing"):
        chroma[0].collections()


def test_the_exporter_answers_over_http() -> None:
    with exporter.server(0, "x_up", lambda: []) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for path, status, body in (("/health", 200, ""), ("/metrics", 200, "x_up 1\n"), ("/other", 404, "")):
            connection = HTTPConnection("127.0.0.1", server.server_port, timeout=5)
            connection.request("GET", path)
            answer = connection.getresponse()
            assert (answer.status, answer.read().decode()) == (status, body)
            connection.close()
        server.shutdown()


class Graph:
    """Stands for a Neo4j, as far as log-ins and restores ask: passwords by user, and what was run."""

    def __init__(self, **passwords: str) -> None:
        self.passwords, self.run = passwords, list[tuple[str, dict[str, object]]]()

    def login(self, host: str, user: str, password: str, port: int = 7474, timeout: float = 30) -> "Graph":
        self.user, self.given = user, password
        return self

    def rows(self, statement: str, database: str = "neo4j", **values: object) -> list[list[object]]:
        if self.passwords.get(self.user) != self.given:
            raise Refused("Neo.ClientError.Security.Unauthorized", "wrong")
        if values.get("now") is not None:
            self.passwords[self.user] = str(values["next"])
            self.given = str(values["next"])
        elif self.given == "neo4j":
            raise Refused("Neo.ClientError.Security.CredentialsExpired", "change it")
        self.run.append((statement, values))
        return [["app_old"], ["app_now"], ["monitor"]] if statement.startswith("SHOW USERS") else []


@pytest.mark.parametrize("before", ["neo4j", "former-password", "password-of-today"])
def test_the_first_user_gets_the_password_of_today_whatever_it_had(
    before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Graph(neo4j=before)
    monkeypatch.setattr(neo4j, "Neo4j", server.login)
    monkeypatch.setattr(neo4j, "secrets", lambda name: ["password-of-today", "former-password"])
    monkeypatch.setattr(neo4j.time, "sleep", lambda seconds: None)
    assert neo4j.admin() is server
    assert server.passwords == {"neo4j": "password-of-today"}


def test_a_password_that_nobody_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neo4j, "Neo4j", Graph(neo4j="another").login)
    monkeypatch.setattr(neo4j, "secrets", lambda name: ["password-of-today"])
    monkeypatch.setattr(neo4j.time, "sleep", lambda seconds: None)
    with pytest.raises(Refused, match="wrong"):
        neo4j.admin()


def test_values_keep_their_types_on_the_way_to_neo4j_and_back() -> None:
    values = {"text": "a", "number": 7, "real": 1.5, "yes": True, "none": None}
    assert plain(typed({key: typed(value) for key, value in values.items()})) == values
    assert typed(7) == {"$type": "Integer", "_value": "7"}
    assert plain({"$type": "OffsetDateTime", "_value": "2026-11-27T13:00:00Z"}) == "2026-11-27T13:00:00Z"


def test_a_graph_is_restored_in_one_transaction_its_relationships_between_the_new_nodes() -> None:
    ran: list[tuple[str, list[object]]] = []

    class Transaction:
        def typed_rows(self, statement: str, rows: list[object] = []) -> list[list[object]]:  # noqa: B006
            ran.append((statement, rows))
            return [[typed(f"new-{n}")] for n in range(len(rows))]

    class Server(Graph):
        @contextmanager
        def transaction(self, keep: bool) -> Iterator[Transaction]:
            assert keep
            yield Transaction()

    node = [[typed(id), typed([typed("Entity")]), typed({})] for id in ("old-0", "old-1")]
    lines = [
        {"schema": ["CREATE CONSTRAINT a"]},
        {"nodes": node},
        {"relationships": [[typed("old-1"), typed("old-0"), typed("RELATED"), typed({})]]},
    ]
    server = Server(neo4j="known")
    server.login("", "neo4j", "known")
    restore.neo4j(io.BytesIO("\n".join(map(json.dumps, lines)).encode()), server)  # type: ignore[arg-type]
    assert server.run == [("CREATE CONSTRAINT a", {})]
    assert "DETACH DELETE" in ran[0][0] and "NOT n:BerthLogin" in ran[0][0]
    assert plain(ran[2][1][0])[:3] == ["new-1", "new-0", "RELATED"]  # type: ignore[arg-type, index]
