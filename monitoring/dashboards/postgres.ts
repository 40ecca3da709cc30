/** PostgreSQL: who is connected, which statements take the time, what tables and indexes are used for. */
import { type Dashboard, type Drawings, graph, number, type Panel, query, type Row, share } from "../panels.ts";

const OURS = 'datname!~"template.*|postgres|"';

const page: Dashboard = {
  name: "database",
  rows: [
    {
      title: "Connections",
      panels: [
        graph(
          "Of the limit",
          "percentunit",
          query("sum(pg_stat_database_numbackends) / max(pg_settings_max_connections)", "in use"),
        ),
        graph("By state", "short", query(`sum by (state) (pg_stat_activity_count{${OURS}})`, "{{state}}")),
        graph(
          "Longest transaction",
          "s",
          query(`max by (state) (pg_stat_activity_max_tx_duration{${OURS}})`, "{{state}}"),
        ),
        graph("Locks", "short", query(`sum by (mode) (pg_locks_count{${OURS}})`, "{{mode}}")),
      ],
    },
    // A query id stands for a statement: SELECT query FROM pg_stat_statements WHERE queryid = …
    {
      title: "Statements",
      panels: [
        graph(
          "Time, the ten that take most",
          "percentunit",
          query("topk(10, sum by (queryid) (rate(pg_stat_statements_seconds_total[5m])))", "{{queryid}}"),
        ),
        graph(
          "Mean, the ten slowest",
          "s",
          query(
            "topk(10, sum by (queryid) (rate(pg_stat_statements_seconds_total[5m])) / (sum by (queryid) (rate(pg_stat_statements_calls_total[5m])) > 0))",
            "{{queryid}}",
          ),
        ),
        graph(
          "Calls",
          "ops",
          query("topk(10, sum by (queryid) (rate(pg_stat_statements_calls_total[5m])))", "{{queryid}}"),
        ),
      ],
    },
    {
      title: "Tables",
      panels: [
        graph(
          "Size",
          "bytes",
          query("topk(10, pg_stat_user_tables_table_size_bytes + pg_stat_user_tables_index_size_bytes)", "{{relname}}"),
        ),
        graph(
          "Rows read by scanning",
          "ops",
          query("topk(10, rate(pg_stat_user_tables_seq_tup_read[5m]))", "{{relname}}"),
        ),
        graph(
          "Changes",
          "ops",
          query(
            "topk(10, rate(pg_stat_user_tables_n_tup_ins[5m]) + rate(pg_stat_user_tables_n_tup_upd[5m]) + rate(pg_stat_user_tables_n_tup_del[5m]))",
            "{{relname}}",
          ),
        ),
        graph("Dead rows", "short", query("topk(10, pg_stat_user_tables_n_dead_tup)", "{{relname}}")),
      ],
    },
    {
      title: "Indexes and cache",
      panels: [
        graph("Scans by index", "ops", query("topk(10, rate(pg_stat_user_tables_idx_scan[5m]))", "{{relname}}")),
        graph(
          "Blocks of indexes",
          "ops",
          query("topk(10, rate(pg_statio_user_indexes_idx_blks_hit_total[5m]))", "{{indexrelname}} cached"),
          query("topk(10, rate(pg_statio_user_indexes_idx_blks_read_total[5m]))", "{{indexrelname}} read"),
        ),
        graph(
          "Found in the cache",
          "percentunit",
          query(
            `sum(pg_stat_database_blks_hit{${OURS}}) / (sum(pg_stat_database_blks_hit{${OURS}}) + sum(pg_stat_database_blks_read{${OURS}}))`,
            "found",
          ),
        ),
        graph(
          "Deadlocks",
          "short",
          query(`sum by (datname) (increase(pg_stat_database_deadlocks{${OURS}}[15m]))`, "{{datname}}"),
        ),
      ],
    },
  ],
};

const work: readonly Panel[] = [
  number("Transactions", "ops", "sum(rate(pg_stat_database_xact_commit[5m]))"),
  number(
    "Rolled back",
    "percentunit",
    share("sum(rate(pg_stat_database_xact_rollback[5m]))", "sum(rate(pg_stat_database_xact_commit[5m]))"),
  ),
  number(
    "Mean statement",
    "s",
    share("sum(rate(pg_stat_statements_seconds_total[5m]))", "sum(rate(pg_stat_statements_calls_total[5m]))"),
  ),
];

const row: Row = {
  title: "PostgreSQL",
  panels: [
    graph(
      "Connections",
      "short",
      query("sum by (datname) (pg_stat_database_numbackends)", "{{datname}}"),
      query("max(pg_settings_max_connections)", "limit"),
    ),
    graph(
      "Transactions",
      "ops",
      query("sum(rate(pg_stat_database_xact_commit[5m]))", "committed"),
      query("sum(rate(pg_stat_database_xact_rollback[5m]))", "rolled back"),
    ),
    graph(
      "Size",
      "bytes",
      query("pg_database_size_bytes", "{{datname}}"),
      query("pg_wal_size_bytes", "write-ahead log"),
    ),
  ],
};

const pools: Row = {
  title: "PostgreSQL's connections",
  panels: [
    graph(
      "Of each service",
      "short",
      query("sum by (service, state) (db_pool_connections)", "{{service}} {{state}}"),
      query("sum by (service) (db_pool_waiting_requests)", "{{service}} waiting"),
    ),
  ],
};

export const postgresDrawings: Drawings = {
  services: { postgres: { up: "max(pg_up)", work } },
  rows: { app: [pools], data: [row] },
  pages: [page],
  metrics: [
    "db_pool_connections",
    "db_pool_waiting_requests",
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
    "pg_stat_user_tables_table_size_bytes",
    "pg_stat_user_tables_index_size_bytes",
    "pg_stat_user_tables_seq_tup_read",
    "pg_stat_user_tables_n_tup_ins",
    "pg_stat_user_tables_n_tup_upd",
    "pg_stat_user_tables_n_tup_del",
    "pg_stat_user_tables_n_dead_tup",
    "pg_stat_user_tables_idx_scan",
    "pg_statio_user_indexes_idx_blks_hit_total",
    "pg_statio_user_indexes_idx_blks_read_total",
  ],
};
