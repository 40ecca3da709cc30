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
  /** services/<system>: every application emits these. */
  applications: [
    "http_requests_total",
    "http_request_duration_seconds_bucket",
    "http_requests_in_progress",
    "dependency_up",
    "db_pool_connections",
    "db_pool_waiting_requests",
    "db_outages_total",
    "rate_limited_requests_total",
    "assistant_events_total",
    "assistant_messages_total",
    "assistant_tasks_created_total",
    "assistant_logins_total",
    "assistant_mfa_codes_total",
    "assistant_sms_received_total",
    "assistant_jobs_queued_total",
    "assistant_jobs_finished_total",
    "assistant_job_runtime_seconds_bucket",
    "assistant_reminders_due_total",
    "assistant_release_info",
    "assistant_schema_info",
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
  ],
  postgres: [
    "pg_up",
    "pg_stat_database_numbackends",
    "pg_stat_database_xact_commit",
    "pg_stat_database_xact_rollback",
    "pg_stat_database_blks_hit",
    "pg_stat_database_blks_read",
    "pg_stat_database_deadlocks",
    "pg_settings_max_connections",
    "pg_database_size_bytes",
    "pg_wal_size_bytes",
    "pg_locks_count",
    "pg_stat_activity_count",
    "pg_stat_activity_max_tx_duration",
    "pg_stat_statements_seconds_total",
    "pg_stat_statements_calls_total",
    "pg_stat_user_tables_size_bytes",
    "pg_stat_user_tables_seq_tup_read",
    "pg_stat_user_tables_n_tup_ins",
    "pg_stat_user_tables_n_tup_upd",
    "pg_stat_user_tables_n_tup_del",
    "pg_stat_user_tables_n_dead_tup",
    "pg_stat_user_tables_idx_scan",
    "pg_statio_user_indexes_idx_blks_hit_total",
    "pg_statio_user_indexes_idx_blks_read_total",
  ],
  redis: [
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
