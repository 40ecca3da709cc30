/** Names of metrics that rules and dashboards may use. A name that nobody emits makes an alert that never fires. */

export const knownMetrics = {
  prometheus: [
    "up",
    "ALERTS",
    "scrape_duration_seconds",
    "prometheus_sd_discovered_targets",
    "prometheus_tsdb_head_series",
    "prometheus_tsdb_storage_blocks_bytes",
    "prometheus_tsdb_wal_storage_size_bytes",
  ],
  alertmanager: ["alertmanager_notifications_total", "alertmanager_notifications_failed_total"],
  /** Every application emits these. What a system and its stores emit besides stands with their drawings. */
  applications: [
    "http_requests_total",
    "http_request_duration_seconds_bucket",
    "http_requests_in_progress",
    "dependency_up",
    "container_network_receive_bytes_total",
    "container_network_transmit_bytes_total",
  ],
  edge: [
    "edge_connections",
    "edge_upstream_up",
    "edge_release_info",
    "edge_release_timestamp_seconds",
    "edge_certificate_expiry_timestamp_seconds",
    "edge_route_requests_total",
    "edge_route_duration_seconds_bucket",
  ],
  /** monitoring/machine/containers.awk. */
  containers: [
    "container_memory_used_bytes",
    "container_memory_limit_bytes",
    "container_cpu_seconds_total",
    "container_cpu_throttled_seconds_total",
    "container_cpu_limit_cores",
    "container_restarts_total",
  ],
  machine: [
    "node_cpu_seconds_total",
    "node_load1",
    "node_load15",
    "node_memory_MemTotal_bytes",
    "node_memory_MemAvailable_bytes",
    "node_vmstat_oom_kill",
    "node_filesystem_avail_bytes",
    "node_filesystem_size_bytes",
    "node_filesystem_files",
    "node_filesystem_files_free",
  ],
  backup: [
    "backup_last_verified_timestamp_seconds",
    "backup_last_run_success",
    "backup_interval_seconds",
    "backup_unreadable",
  ],
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
