/** MongoDB, or what speaks its protocol: commands, documents, and what of it only MongoDB tells. */
import { type Drawings, graph, number, orZero, type Panel, query, type Row, share } from "../panels.ts";

const commands = "sum(rate(mongodb_commands_total[5m]))";

const work: readonly Panel[] = [
  number("Commands", "ops", orZero(commands)),
  number("Failed commands", "percentunit", share("sum(rate(mongodb_commands_failed_total[5m]))", commands)),
  number("Documents", "short", orZero("sum(mongodb_documents)")),
];

const row: Row = {
  title: "MongoDB",
  panels: [
    graph(
      "Commands",
      "ops",
      query("sum by (command) (rate(mongodb_commands_total[5m])) > 0 or 0 * max by () (mongodb_up)", "{{command}}"),
    ),
    graph("Documents", "short", query("mongodb_documents or 0 * mongodb_up", "{{collection}}")),
    graph("Data", "bytes", query("mongodb_data_bytes", "documents"), query("mongodb_storage_bytes", "on the disk")),
    // FerretDB does not tell.
    graph("Connections", "short", query(orZero("max(mongodb_connections)"), "current")),
  ],
};

export const mongoDrawings: Drawings = {
  services: { mongo: { up: "max(mongodb_up)", work } },
  rows: { data: [row] },
  metrics: [
    "mongodb_up",
    "mongodb_commands_total",
    "mongodb_commands_failed_total",
    "mongodb_documents",
    "mongodb_data_bytes",
    "mongodb_storage_bytes",
    "mongodb_connections",
    "mongodb_connections_available",
  ],
};
