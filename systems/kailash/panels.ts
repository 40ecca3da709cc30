/** What the dashboards show of Kailash alone: what it is for, its indexers, generated nodes, and MCP's connections. */
import { quantile } from "../../monitoring/dashboards/requests.ts";
import { type Drawings, graph, number, orZero, type Panel, query, type Row } from "../../monitoring/panels.ts";

const within = (buckets: string) =>
  [0.5, 0.95].map((at) => query(orZero(quantile(at, `rate(${buckets}[5m])`)), `${at * 100} % within`));

const work: readonly Panel[] = [
  number("Questions", "ops", orZero("sum(rate(knowledge_questions_total[5m]))")),
  number("Waiting documents", "short", orZero("max(knowledge_pending_documents)")),
  number("Failed nodes", "ops", orZero("sum(rate(dataflow_node_errors_total[5m]))")),
];

const purpose: Row = {
  title: "What it is for",
  panels: [
    graph("Documents", "ops", query("sum by (outcome) (rate(knowledge_documents_total[5m]))", "{{outcome}}")),
    graph("Questions", "ops", query("sum by (outcome) (rate(knowledge_questions_total[5m]))", "{{outcome}}")),
    graph("Indexed", "ops", query("sum by (outcome) (rate(knowledge_indexed_total[5m]))", "{{outcome}}")),
    graph("Time to index", "s", ...within("knowledge_index_seconds_bucket")),
    graph("Waiting", "short", query(orZero("max(knowledge_pending_documents)"), "documents")),
  ],
};

const nodes: Row = {
  title: "Generated nodes",
  panels: [
    graph("Time of a node", "s", ...within("dataflow_node_seconds_bucket")),
    graph("Failed", "ops", query(orZero("sum(rate(dataflow_node_errors_total[5m]))"), "nodes")),
    graph("Nodes", "short", query(orZero("max(dataflow_nodes)"), "generated")),
  ],
};

const channels: Row = {
  title: "MCP over WebSocket",
  panels: [
    graph("Open", "short", query("sum by (service) (mcp_websockets)", "{{service}}")),
    graph("Ended", "short", query("sum by (reason) (increase(mcp_websockets_closed_total[15m]))", "{{reason}}")),
    graph("Calls", "ops", query("sum by (outcome) (rate(mcp_calls_total[5m]))", "{{outcome}}")),
  ],
};

export const drawings: Drawings = {
  services: { dataflow: { work } },
  rows: { app: [purpose, nodes, channels] },
  metrics: [
    "knowledge_documents_total",
    "knowledge_questions_total",
    "knowledge_indexed_total",
    "knowledge_index_seconds_bucket",
    "knowledge_pending_documents",
    "dataflow_node_seconds_bucket",
    "dataflow_node_errors_total",
    "dataflow_nodes",
    "mcp_websockets",
    "mcp_websockets_closed_total",
    "mcp_calls_total",
  ],
};
