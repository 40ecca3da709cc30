/** Lines of every service, from Loki. */
import { type Dashboard, logs, query, type Panel } from "../panels.ts";

const lines = (title: string, expr: string, legend: string): Panel => ({ title, unit: "short", source: "loki", queries: [query(expr, legend)] });

export const logLines = (system: string): Dashboard => ({ name: "logs", rows: [
  { title: "How many", panels: [
    lines("Lines a minute", `sum by (service) (count_over_time({system="${system}"}[1m]))`, "{{service}}"),
    lines("Warnings and errors a minute", `sum by (service, level) (count_over_time({system="${system}", level=~"warning|error|critical"}[1m]))`, "{{service}} {{level}}"),
  ] },
  { title: "Warnings and errors", panels: [logs("Warnings and errors", `{system="${system}", level=~"warning|error|critical"}`)] },
  { title: "Everything", panels: [logs("Everything", `{system="${system}"}`)] },
] });
