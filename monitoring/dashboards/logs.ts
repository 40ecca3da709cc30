/** Lines of every service, from Loki. */
import { type Dashboard, logs, query, type Panel } from "../panels.ts";

const lines = (title: string, expr: string, legend: string): Panel => ({
  title,
  unit: "short",
  source: "loki",
  queries: [query(expr, legend)],
});

export const logLines = (system: string): Dashboard => ({
  name: "logs",
  rows: [
    {
      title: "How many",
      panels: [
        lines(
          "Lines a minute",
          `sum by (service_name) (count_over_time({service_namespace="${system}"}[1m]))`,
          "{{service_name}}",
        ),
        lines(
          "Warnings and errors a minute",
          `sum by (service_name, severity_text) (count_over_time({service_namespace="${system}"} | severity_number >= 13 [1m]))`,
          "{{service_name}} {{severity_text}}",
        ),
      ],
    },
    {
      title: "Warnings and errors",
      panels: [logs("Warnings and errors", `{service_namespace="${system}"} | severity_number >= 13`)],
    },
    { title: "Everything", panels: [logs("Everything", `{service_namespace="${system}"}`)] },
  ],
});
