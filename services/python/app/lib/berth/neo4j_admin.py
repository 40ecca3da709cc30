"""All of a Neo4j, for programs beside the applications: its Query API, with the standard library alone.

What it answers has its types with it (`{"$type": "Integer", "_value": "1"}`): so nothing is lost on the way into a file
and back, dates and points neither."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

GRAPH = "neo4j"
SYSTEM = "system"
#: What a job of log-ins notes there (stores/neo4j.py); no part of the graph.
NOTES = "BerthLogin"
#: Records at a time.
PAGE = 500
TYPED = "application/vnd.neo4j.query"
_NUMBERS: dict[str, type[int | float]] = {"Integer": int, "Float": float}

#: A value with its type.
Typed = dict[str, Any]


class Refused(ValueError):
    """`code` is Neo4j's, such as Neo.ClientError.Security.Unauthorized."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


def typed(value: Any) -> Typed:
    """Of text, numbers, true and false, None, and of lists and dictionaries of what has its types already."""
    match value:
        case None:
            return {"$type": "Null", "_value": None}
        case bool():
            return {"$type": "Boolean", "_value": value}
        case int():
            return {"$type": "Integer", "_value": str(value)}
        case float():
            return {"$type": "Float", "_value": repr(value)}
        case str():
            return {"$type": "String", "_value": value}
        case list():
            return {"$type": "List", "_value": value}
        case dict():
            return {"$type": "Map", "_value": value}
    raise TypeError(f"{type(value).__name__} has no type here")


def plain(value: Typed) -> Any:
    """What it is in Python; what has no likeness there stays the text that it is on the way."""
    kind, inside = value["$type"], value["_value"]
    if kind == "List":
        return [plain(one) for one in inside]
    if kind == "Map":
        return {key: plain(one) for key, one in inside.items()}
    return _NUMBERS[kind](inside) if kind in _NUMBERS else inside


class Neo4j:
    """As one user. Raises OSError where it does not answer, and Refused."""

    def __init__(self, host: str, user: str, password: str, port: int = 7474, timeout: float = 30):
        self._connection = HTTPConnection(host, port, timeout=timeout)
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}", "Content-Type": TYPED, "Accept": TYPED}

    def rows(self, statement: str, database: str = GRAPH, **parameters: Any) -> list[list[Any]]:
        return [[plain(value) for value in row] for row in self.typed_rows(statement, database, **parameters)]

    def typed_rows(self, statement: str, database: str = GRAPH, **parameters: Any) -> list[list[Typed]]:
        return self._run(f"/db/{database}/query/v2", statement, parameters)

    @contextmanager
    def transaction(self, keep: bool) -> Iterator["Transaction"]:
        """What is written in it is there at its end, all at once, or never where it is not to `keep`."""
        path = f"/db/{GRAPH}/query/v2/tx"
        path += f"/{self._ask('POST', path, {})['transaction']['id']}"
        try:
            yield Transaction(self, path)
            if keep:
                self._ask("POST", f"{path}/commit", {})
                return
        except BaseException:
            self._ask("DELETE", path, None)
            raise
        self._ask("DELETE", path, None)

    def close(self) -> None:
        self._connection.close()

    def _run(self, path: str, statement: str, parameters: dict[str, Any]) -> list[list[Typed]]:
        given = {name: typed(value) for name, value in parameters.items()}
        answer = self._ask("POST", path, {"statement": statement, "parameters": given})
        rows: list[list[Typed]] = answer["data"]["values"]
        return rows

    def _ask(self, method: str, path: str, body: object) -> Any:
        text = None if body is None else json.dumps(body)
        self._connection.request(method, path, text, self._headers)
        answer = self._connection.getresponse()
        said = json.loads(answer.read() or b"{}")
        if "errors" in said:
            first = said["errors"][0]
            raise Refused(first["code"], first["message"])
        if answer.status >= 400:
            raise Refused(str(answer.status), f"{method} {path}: {answer.status}")
        return said


class Transaction:
    def __init__(self, server: Neo4j, path: str):
        self._server, self._path = server, path

    def typed_rows(self, statement: str, **parameters: Any) -> list[list[Typed]]:
        return self._server._run(self._path, statement, parameters)


#: By their ids, which are close together: to sort them would take as long for each page as for all.
_NODES = f"""UNWIND range($first, $last) AS i MATCH (n) WHERE id(n) = i AND NOT n:{NOTES}
RETURN elementId(n), labels(n), properties(n)"""
_RELATIONSHIPS = """UNWIND range($first, $last) AS i MATCH (a)-[r]->(b) WHERE id(r) = i
RETURN elementId(a), elementId(b), type(r), properties(r)"""
_LAST = {_NODES: "MATCH (n) RETURN max(id(n))", _RELATIONSHIPS: "MATCH ()-[r]->() RETURN max(id(r))"}
_SCHEMA = """SHOW CONSTRAINTS YIELD createStatement RETURN createStatement AS statement"""
_INDEXES = """SHOW INDEXES YIELD createStatement, owningConstraint, type
WHERE owningConstraint IS NULL AND type <> "LOOKUP" RETURN createStatement"""


def schema(server: Neo4j) -> list[str]:
    """Statements that make its constraints and indexes."""
    return [row[0] for statement in (_SCHEMA, _INDEXES) for row in server.rows(statement)]


def nodes(server: Neo4j) -> Iterator[list[list[Typed]]]:
    """Id, labels and properties of each, some at a time."""
    yield from _pages(server, _NODES)


def relationships(server: Neo4j) -> Iterator[list[list[Typed]]]:
    """Ids of both ends, type and properties of each, some at a time."""
    yield from _pages(server, _RELATIONSHIPS)


def _pages(server: Neo4j, statement: str) -> Iterator[list[list[Typed]]]:
    last = server.rows(_LAST[statement])[0][0]
    for first in range(0, -1 if last is None else last + 1, PAGE):
        if page := server.typed_rows(statement, first=first, last=first + PAGE - 1):
            yield page
