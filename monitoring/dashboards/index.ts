/** The dashboards of a system. What it does not have is not drawn; a service that is declared appears by itself. */
import type { Dashboard } from "../panels.ts";
import { database } from "./database.ts";
import { deployments } from "./deployments.ts";
import { logLines } from "./logs.ts";
import { machine } from "./machine.ts";
import { overview, type Service } from "./overview.ts";
import { queue } from "./queue.ts";
import { appTier, dataTier, edgeTier, monitoringTier } from "./tiers.ts";

/** What is drawn. */
export interface Drawn {
  readonly system: string;
  /** Every service that is on, but for jobs. */
  readonly services: readonly Service[];
  /** Whether the edge has a certificate. */
  readonly tls: boolean;
}

export function dashboards({ system, services, tls }: Drawn): Dashboard[] {
  const has = (name: string) => services.some((service) => service.name === name);
  return [
    overview(services),
    edgeTier(tls),
    appTier,
    dataTier(has("postgres"), has("redis")),
    monitoringTier(has("alertmanager")),
    ...(has("postgres") ? [database] : []),
    ...(has("redis") && has("worker") ? [queue] : []),
    deployments,
    machine,
    ...(has("loki") ? [logLines(system)] : []),
  ];
}
