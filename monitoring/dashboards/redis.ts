/** Redis: commands, memory, clients. Queues are drawn by the system whose they are. */
import { type Drawings, graph, number, type Panel, query, type Row, share } from "../panels.ts";

const work: readonly Panel[] = [
  number("Commands", "ops", "sum(rate(redis_commands_processed_total[5m]))"),
  number(
    "Error replies",
    "percentunit",
    share("sum(rate(redis_total_error_replies[5m]))", "sum(rate(redis_commands_processed_total[5m]))"),
  ),
  number(
    "Mean command",
    "s",
    share("sum(rate(redis_commands_duration_seconds_total[5m]))", "sum(rate(redis_commands_total[5m]))"),
  ),
];

const row: Row = {
  title: "Redis",
  panels: [
    graph("Memory", "bytes", query("redis_memory_used_bytes", "used"), query("redis_memory_max_bytes", "limit")),
    graph(
      "Commands",
      "ops",
      query("rate(redis_commands_processed_total[5m])", "commands"),
      query("rate(redis_evicted_keys_total[5m])", "evicted keys"),
    ),
    graph(
      "Keys found",
      "percentunit",
      query(
        share(
          "sum(rate(redis_keyspace_hits_total[5m]))",
          "sum(rate(redis_keyspace_hits_total[5m])) + sum(rate(redis_keyspace_misses_total[5m]))",
        ),
        "found",
      ),
    ),
    graph(
      "Clients",
      "short",
      query("redis_connected_clients", "connected"),
      query("redis_blocked_clients", "waiting for a job"),
    ),
    graph(
      "Network",
      "Bps",
      query("rate(redis_net_input_bytes_total[5m])", "in"),
      query("rate(redis_net_output_bytes_total[5m])", "out"),
    ),
  ],
};

export const redisDrawings: Drawings = {
  services: { redis: { up: "max(redis_up)", work } },
  rows: { data: [row] },
  metrics: [
    "redis_up",
    "redis_memory_used_bytes",
    "redis_memory_max_bytes",
    "redis_commands_processed_total",
    "redis_commands_total",
    "redis_commands_duration_seconds_total",
    "redis_evicted_keys_total",
    "redis_keyspace_hits_total",
    "redis_keyspace_misses_total",
    "redis_connected_clients",
    "redis_blocked_clients",
    "redis_net_input_bytes_total",
    "redis_net_output_bytes_total",
    "redis_total_error_replies",
    "redis_script_values",
  ],
};
