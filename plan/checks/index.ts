/** What can be wrong between the settings and a catalogue, all of it at once. One file a subject. */
import type { Problem } from "../../config/problems.ts";
import { environmentProblems } from "../environments.ts";
import { neighbourProblems } from "../neighbours.ts";
import { secretsIn } from "../template.ts";
import type { Check, Draft } from "./draft.ts";
import { deviceProblems } from "./devices.ts";
import { effectProblems } from "./effect.ts";
import { engineProblems } from "./engine.ts";
import { entryProblems } from "./entries.ts";
import { loginProblems } from "./logins.ts";
import { majorProblems } from "./majors.ts";
import { stackNameProblems, unknownNames } from "./names.ts";
import { portProblems } from "./ports.ts";
import { routeProblems } from "./routes.ts";
import { subnetProblems } from "./subnets.ts";
import { variableProblems } from "./variables.ts";
import { budgetProblems, connectionProblems, serviceProblems } from "./sizes.ts";

const CHECKS: readonly Check[] = [
  engineProblems,
  subnetProblems,
  stackNameProblems,
  unknownNames,
  entryProblems,
  routeProblems,
  loginProblems,
  serviceProblems,
  variableProblems,
  portProblems,
  ({ services, context }) => neighbourProblems(services, context),
  budgetProblems,
  connectionProblems,
  deviceProblems,
  majorProblems,
  ({ services, context }) => environmentProblems(services, context),
  effectProblems,
  missingSecrets,
];

export const problemsIn = (draft: Draft): Problem[] => CHECKS.flatMap((check) => check(draft));

function missingSecrets({ system, asked, context: { configured, settings, shape, stack } }: Draft): Problem[] {
  const leaves = shape.secrets;
  const missing = secretsIn(asked, leaves).filter(
    (key) => leaves[key]!.generated === undefined && !configured.has(key),
  );
  const speaksTls = system.services.some(({ publish }) => publish?.["edge-tls"] !== undefined);
  if (speaksTls && settings.ports["edge-tls"] !== undefined && !configured.has("tlsCertificate"))
    missing.push("tlsCertificate", "tlsKey");
  return [...new Set(missing)].map((key) => ({
    key: `berth:${key}`,
    got: "missing",
    allowed: leaves[key]!.description,
    fix: `pulumi config set --secret berth:${key} "${leaves[key]!.example}" --stack ${stack}`,
  }));
}
