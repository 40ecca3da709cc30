/**
 * How often a stack looks at itself, in seconds: what makes an alert take minutes. One
 * place, so that tests can hurry all of it.
 */
export const pace = {
  /** Between two scrapes of a target, and between two evaluations of the rules. */
  scrape: 15,
  /** Longest that a scrape may take. */
  scrapeTimeout: 10,
  /** Between two looks at the engine's containers. */
  containers: 15,
  /** How long a first alert waits for others of its group, and the group for its next message. */
  groupWait: 30,
  groupInterval: 300,
  /** Between two heartbeats of the watchdog. */
  heartbeat: 60,
  /** Between two messages from Prometheus to Alertmanager about the same alert. */
  resend: 60,
  /** End of an idle connection that the edge announces: clients who heed it never meet the edge's own. */
  announced: 8,
  /** For how long a user's idle connection outlives a reload of the edge: longer than is announced. */
  idle: 30,
  /** For how long a former login has to be idle before it is dropped. */
  prune: 30,
};
