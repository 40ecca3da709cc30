/** Names of metrics that rules and dashboards may use. A name that nobody emits makes an alert that never fires. */

export const knownMetrics = {
  prometheus: ["up", "prometheus_sd_discovered_targets"],
  /** services/<system>: every application emits these. */
  applications: [
    "http_requests_total", "http_request_duration_seconds_bucket", "http_requests_in_progress", "dependency_up", "process_start_time_seconds",
    "process_resident_memory_bytes", "db_pool_connections", "db_pool_waiting_requests",
  ],
  edge: ["edge_connections", "edge_requests_total", "edge_upstream_up"],
  postgres: ["pg_up", "pg_stat_database_numbackends", "pg_stat_database_xact_commit", "pg_stat_database_xact_rollback", "pg_settings_max_connections", "pg_database_size_bytes"],
  backup: ["backup_last_verified_timestamp_seconds", "backup_last_run_success", "backup_interval_seconds", "backup_unreadable"],
  redis: ["redis_up", "redis_memory_used_bytes", "redis_memory_max_bytes", "redis_commands_processed_total", "redis_evicted_keys_total", "redis_script_values"],
} as const;

const KEYWORDS = new Set(["and", "or", "unless", "bool", "offset", "inf", "nan"]);

/** Names of the metrics in a PromQL expression. */
export function metricsIn(expression: string): string[] {
  const bare = expression
    .replace(/"[^"]*"/g, "")
    .replace(/\{[^}]*\}|\[[^\]]*\]|\b\d+(ms|[smhdwy])\b/g, " ")
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, " ");
  const names = [...bare.matchAll(/[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])/g)].map(([name]) => name);
  return [...new Set(names.filter((name) => !KEYWORDS.has(name.toLowerCase())))].sort();
}
