"""The graph of what documents name, in Neo4j: an answer, or an exception soon."""

from __future__ import annotations

import asyncio
from typing import Any, LiteralString

from neo4j import AsyncDriver, AsyncGraphDatabase, RoutingControl
from neo4j.exceptions import DriverError, Neo4jError

from berth import observe
from berth.remote import Remote

WAIT = 2.0  # seconds for a connection
SLOW = 8.0  # seconds for an answer

CONSTRAINTS: tuple[LiteralString, ...] = (
    "CREATE CONSTRAINT document_id IF NOT EXISTS FOR (d:Document) REQUIRE d.id IS UNIQUE",
    "CREATE CONSTRAINT entity_name IF NOT EXISTS FOR (e:Entity) REQUIRE e.name IS UNIQUE",
)
LINK: LiteralString = """
MERGE (d:Document {id: $id}) SET d.title = $title
FOREACH (name IN $entities | MERGE (e:Entity {name: name}) MERGE (d)-[:MENTIONS]->(e))
WITH d UNWIND $relations AS relation
MATCH (one:Entity {name: relation[0]}), (other:Entity {name: relation[2]})
MERGE (one)-[:RELATED {as: relation[1]}]->(other)
"""
NEIGHBOURS: LiteralString = """
MATCH (e:Entity)-[r:RELATED]-(:Entity) WHERE e.name IN $names
RETURN DISTINCT startNode(r).name AS entity, r.as AS relation, endNode(r).name AS neighbour
ORDER BY entity, neighbour, relation LIMIT $most
"""


ERRORS = (DriverError, Neo4jError, OSError, TimeoutError)


def first_line(error: BaseException) -> str:
    return str(error).split("\n")[0] or type(error).__name__


class GraphAway(Exception):
    """It does not answer, or refuses who asks."""


class Graph(Remote):
    name = "graph"
    away = (GraphAway,)

    def __init__(self, url: str, auth: tuple[str, str]) -> None:
        self._url, self._auth = url, auth
        self._driver: AsyncDriver | None = None

    async def open(self) -> None:
        self._driver = AsyncGraphDatabase.driver(
            self._url,
            auth=self._auth,
            connection_timeout=WAIT,
            connection_acquisition_timeout=WAIT * 2,
            max_transaction_retry_time=SLOW / 2,
            # A connection that was idle is tried first: after a restart of the server none is usable.
            liveness_check_timeout=5,
            max_connection_pool_size=20,
            user_agent=f"{observe.service()}/1",
        )

    async def close(self) -> None:
        if self._driver:
            await self._driver.close()

    async def check(self) -> None:
        with self.told():
            try:
                # Not by execute_query, which tries again for seconds.
                async with asyncio.timeout(WAIT), self._opened().session(database="neo4j") as session:
                    await (await session.run("RETURN 1")).consume()
            except ERRORS as error:
                raise GraphAway(first_line(error)) from error

    def _opened(self) -> AsyncDriver:
        if self._driver is None:
            raise RuntimeError("open() comes first")
        return self._driver

    async def prepare(self) -> None:
        for constraint in CONSTRAINTS:
            await self.run(constraint, write=True, seconds=30)

    async def link(self, id: str, title: str, entities: list[str], relations: list[tuple[str, str, str]]) -> None:
        pairs = [list(relation) for relation in relations]
        await self.run(LINK, write=True, id=id, title=title, entities=entities, relations=pairs)

    async def neighbours(self, names: list[str], most: int) -> list[dict[str, str]]:
        return await self.run(NEIGHBOURS, names=names, most=most) if names else []

    async def run(
        self, query: LiteralString, write: bool = False, seconds: float = SLOW, **values: Any
    ) -> list[dict[str, Any]]:
        routing = RoutingControl.WRITE if write else RoutingControl.READ
        try:
            async with asyncio.timeout(seconds):
                answer = await self._opened().execute_query(query, values, routing_=routing, database_="neo4j")
        except ERRORS as error:
            raise GraphAway(first_line(error)) from error
        return [record.data() for record in answer.records]
