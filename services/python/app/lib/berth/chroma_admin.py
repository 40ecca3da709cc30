"""All of a Chroma, for programs beside the applications: its HTTP interface, with the standard library alone."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

TENANTS = "/api/v2/tenants/default_tenant/databases"
DATABASE = "default_database"
#: Records at a time.
PAGE = 500

Record = dict[str, Any]


class Chroma:
    """One database of the default tenant."""

    def __init__(self, host: str, port: int = 8000, database: str = DATABASE, timeout: float = 30):
        self.base = f"{TENANTS}/{database}"
        self.connection = HTTPConnection(host, port, timeout=timeout)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Raises OSError where it does not answer, and ValueError where it refuses."""
        text = None if body is None else json.dumps(body)
        self.connection.request(method, path, text, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        said = answer.read()
        if answer.status >= 400:
            raise ValueError(f"{method} {path}: {answer.status} {said[:300].decode(errors='replace')}")
        return json.loads(said) if said else None

    def collections(self) -> list[Record]:
        found: list[Record] = self.ask("GET", f"{self.base}/collections?limit=1000")
        return sorted(found, key=lambda collection: str(collection["name"]))

    def collection(self, like: Record) -> str:
        """The id of one with this name; made with its `metadata` and `configuration_json`, where there is none."""
        made = {"name": like["name"], "metadata": like.get("metadata"), "get_or_create": True}
        configuration = {"configuration": like.get("configuration_json")}
        return str(self.ask("POST", f"{self.base}/collections", {**made, **configuration})["id"])

    def count(self, id: str) -> int:
        return int(self.ask("GET", f"{self.base}/collections/{id}/count"))

    def pages(self, id: str, *include: str) -> Iterator[Record]:
        """Its records, some at a time, with what is asked for besides their ids: embeddings, metadatas, documents."""
        offset = 0
        while True:
            asked = {"limit": PAGE, "offset": offset, "include": include}
            page: Record = self.ask("POST", f"{self.base}/collections/{id}/get", asked)
            if not page["ids"]:
                return
            yield page
            offset += PAGE

    def put(self, id: str, page: Record) -> None:
        kept = ("ids", "embeddings", "metadatas", "documents", "uris")
        self.ask("POST", f"{self.base}/collections/{id}/upsert", {key: page[key] for key in kept if page.get(key)})

    def drop(self, id: str, records: list[str]) -> None:
        self.ask("POST", f"{self.base}/collections/{id}/delete", {"ids": records})

    def close(self) -> None:
        self.connection.close()
