/** Chroma: records, and how long it takes to say that it lives. */
import { type Drawings, graph, number, orZero, query, type Row } from "../panels.ts";

const row: Row = {
  title: "Chroma",
  panels: [
    graph("Records", "short", query("chroma_records or 0 * chroma_up", "{{collection}}")),
    graph("Time to a heartbeat", "s", query("max(chroma_answer_seconds)", "heartbeat")),
  ],
};

export const chromaDrawings: Drawings = {
  services: { chroma: { up: "max(chroma_up)", work: [number("Records", "short", orZero("sum(chroma_records)"))] } },
  rows: { data: [row] },
  metrics: ["chroma_up", "chroma_records", "chroma_answer_seconds"],
};
