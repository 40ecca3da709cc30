/** The engine's machine. Its disk is seen through a file of the engine that lies on it. */
import { type Dashboard, graph, query } from "../panels.ts";

const DISK = '{mountpoint="/etc/hosts"}';

export const machine: Dashboard = {
  name: "machine",
  rows: [
    {
      title: "Machine",
      panels: [
        graph(
          "Cores busy",
          "short",
          query('sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[5m]))', "{{mode}}"),
          query('count(node_cpu_seconds_total{mode="idle"})', "cores"),
        ),
        graph("Load", "short", query("node_load1", "1 minute"), query("node_load15", "15 minutes")),
        graph(
          "Memory",
          "bytes",
          query("node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes", "used"),
          query("node_memory_MemTotal_bytes", "there"),
        ),
        graph("Killed for want of memory", "short", query("increase(node_vmstat_oom_kill[15m])", "processes")),
      ],
    },
    {
      title: "Disk of the engine",
      panels: [
        graph(
          "Used",
          "percentunit",
          query(`1 - node_filesystem_avail_bytes${DISK} / node_filesystem_size_bytes${DISK}`, "{{device}}"),
        ),
        graph(
          "Free",
          "bytes",
          query(`node_filesystem_avail_bytes${DISK}`, "{{device}}"),
          query(`predict_linear(node_filesystem_avail_bytes${DISK}[1h], 4 * 3600)`, "{{device}} in four hours"),
        ),
      ],
    },
    {
      title: "Who uses it",
      panels: [
        graph("Cores", "short", query("sum by (tier) (rate(container_cpu_seconds_total[5m]))", "{{tier}}")),
        graph("Memory", "bytes", query("sum by (tier) (container_memory_used_bytes)", "{{tier}}")),
      ],
    },
  ],
};
