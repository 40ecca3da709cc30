/** The dashboards of a system. What it does not have is not drawn; a service that is declared appears by itself. */
import type { Dashboard, Drawings } from "../panels.ts";
import { deployments } from "./deployments.ts";
import { logLines } from "./logs.ts";
import { machine } from "./machine.ts";
import { overview, type Service } from "./overview.ts";
import { appTier, dataTier, edgeTier, monitoringTier } from "./tiers.ts";

/** What is drawn. */
export interface Drawn {
  readonly system: string;
  /** Every service that is on, but for jobs. */
  readonly services: readonly Service[];
  /** Whether the edge has a certificate. */
  readonly tls: boolean;
  /** What the system and its stores add. */
  readonly drawings: readonly Drawings[];
}

export function dashboards({ system, services, tls, drawings }: Drawn): Dashboard[] {
  const has = (name: string) => services.some((service) => service.name === name);
  const rows = (tier: "app" | "data") => drawings.flatMap((own) => own.rows?.[tier] ?? []);
  return [
    overview(services, Object.assign({}, ...drawings.map((own) => own.services)) as NonNullable<Drawings["services"]>),
    edgeTier(tls),
    appTier(rows("app")),
    dataTier(rows("data")),
    monitoringTier(has("alertmanager")),
    ...drawings.flatMap(({ pages = [] }) => pages),
    deployments(drawings.flatMap(({ releases = [] }) => releases)),
    machine,
    ...(has("loki") ? [logLines(system)] : []),
  ];
}
