/**
 * What holds data, or opens it, and would leave the state because nothing of the stack names it any more. The CLI
 * deletes last: it would refuse when all the rest has been changed. Pure.
 */
import type { Problem } from "../config/problems.ts";
import { resourceName } from "../plan/names.ts";
import type { Plan } from "../plan/types.ts";
import { type Deployment, VOLUME } from "./deployment.ts";
import { subjectOf } from "./steps.ts";

const PASSWORD = "random:index/randomPassword:RandomPassword";

/** Names of volumes that the program will declare. */
const volumesOf = ({ system, stack, services }: Plan): string[] =>
  services.flatMap(({ volumes = [] }) => volumes.map(({ name }) => resourceName(system, stack, name)));

/** Names of generated secrets that it will declare and the CLI keeps. */
const passwordsOf = (
  { system, stack, secretKeys, secretLeaves }: Plan,
  versions: Readonly<Record<string, number>>,
): string[] =>
  secretKeys
    .filter((key) => secretLeaves[key]!.outlives)
    .flatMap((key) =>
      Array.from({ length: versions[key] ?? 1 }, (_, n) => resourceName(system, stack, key, `v${n + 1}`)),
    );

/**
 * @param versions `berth:secretVersions` of the stack file.
 * @param deployment What the state holds.
 */
export function leaving(
  plan: Plan,
  versions: Readonly<Record<string, number>>,
  { resources = [] }: Deployment,
): Problem[] {
  const known = new Set([...volumesOf(plan), ...passwordsOf(plan, versions)]);
  return resources
    .filter(({ type, protect, delete: going }) => protect && !going && [VOLUME, PASSWORD].includes(type))
    .map(({ type, urn }) => ({ urn, isData: type === VOLUME, name: subjectOf(urn).name }))
    .filter(({ name }) => !known.has(name))
    .map(({ urn, isData, name }) => ({
      key: name,
      got: isData
        ? "it holds data, and nothing of the stack would use it any more"
        : "it opens data that stays, and nothing of the stack would use it any more",
      allowed: `what used it, as it was (berth:off, berth:logs, berth:backup, the engine of a store, berth:secretVersions, the names of system and stack); or to let it go${isData ? ": the volume stays on the engine, and is found again by whatever uses it later" : ", for ever, and with it all that it opens: copy it first"}`,
      fix: `pulumi state unprotect '${urn}' --stack ${plan.stack} --yes   (lets it go; then this again)`,
    }));
}

/** Names of volumes with data that nothing protects, and that nothing uses any more: they stay on the engine. */
export const abandoned = (plan: Plan, { resources = [] }: Deployment): string[] => {
  const known = new Set(volumesOf(plan));
  return resources
    .filter(({ type, protect, retainOnDelete }) => type === VOLUME && retainOnDelete && !protect)
    .map(({ urn }) => subjectOf(urn).name)
    .filter((name) => !known.has(name));
};
