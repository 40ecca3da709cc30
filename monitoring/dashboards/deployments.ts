/** Releases: when, which version runs where, and what the requests made of it. */
import { type Dashboard, graph, number, type Panel, query } from "../panels.ts";
import { byRoute } from "./requests.ts";

/** @param releases What the system shows of them. */
export const deployments = (releases: readonly Panel[]): Dashboard => ({
  name: "deployments",
  rows: [
    {
      title: "Releases",
      panels: [
        number("Last release", "dateTimeFromNow", "max(edge_release_timestamp_seconds) * 1000"),
        number("In a day", "short", "sum(changes(edge_release_timestamp_seconds[1d]))"),
        ...releases,
        graph("Routes by release", "short", query("count by (release) (edge_release_info)", "{{release}}")),
      ],
    },
    {
      title: "Requests meanwhile",
      panels: [
        ...byRoute,
        graph("Containers", "short", query("count by (service) (container_cpu_seconds_total)", "{{service}}")),
      ],
    },
  ],
});
