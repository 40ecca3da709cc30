/** Neo4j: how much it holds, who is connected, and its heap. Community has no metrics of its own. */
import { type Drawings, graph, number, orZero, query, type Row } from "../panels.ts";

const row: Row = {
  title: "Neo4j",
  panels: [
    graph("Graph", "short", query("neo4j_nodes", "nodes"), query("neo4j_relationships", "relationships")),
    graph("Connections", "short", query("neo4j_connections", "open")),
    graph("Heap", "bytes", query("neo4j_heap_bytes", "in use"), query("neo4j_heap_max_bytes", "at most")),
    graph("Time to an answer", "s", query("neo4j_answer_seconds", "RETURN 1")),
  ],
};

export const neo4jDrawings: Drawings = {
  services: { neo4j: { up: "max(neo4j_up)", work: [number("Nodes", "short", orZero("sum(neo4j_nodes)"))] } },
  rows: { data: [row] },
  metrics: [
    "neo4j_up",
    "neo4j_nodes",
    "neo4j_relationships",
    "neo4j_connections",
    "neo4j_heap_bytes",
    "neo4j_heap_max_bytes",
    "neo4j_answer_seconds",
  ],
};
