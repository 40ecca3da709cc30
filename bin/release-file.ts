/** The stack file of a release that comes back. Pure: bin/release.ts reads and writes. */
import { isSealed, type StackFile, versionsIn } from "../config/checkout.ts";
import type { SecretLeaves } from "../config/secrets.ts";

/** What a stack file says of what its secrets are encrypted with. */
const PROVIDER = ["encryptionsalt", "encryptedkey", "secretsprovider"] as const;

export interface Readable {
  readonly file: StackFile;
  /** Keys whose values are today's, or gone with the provider that could read them. @default none */
  readonly replaced: readonly string[];
  readonly lost: readonly string[];
  /** Keys that are today's, because data is not of then: what was made with them must still be opened. @default none */
  readonly kept: readonly string[];
}
type Config = Readonly<Record<string, unknown>>;

/**
 * A stack file that can be read, and with which data can. @param leaves The secrets that its system may have.
 */
export function readable(release: StackFile, today: StackFile, leaves: SecretLeaves): Readable {
  const { file, ...rest } = decryptable(release, today);
  const lasting = lastingOf(file.config ?? {}, today.config ?? {}, leaves);
  return { file: lasting.kept.length ? { ...file, config: lasting.config } : file, ...rest, kept: lasting.kept };
}

/**
 * After `pulumi stack change-secrets-provider` nobody can read the secrets of a release of before, and the state, which
 * has what was generated, is today's. Those of today take their place.
 */
function decryptable(release: StackFile, today: StackFile): Omit<Readable, "kept"> {
  if (PROVIDER.every((key) => release[key] === today[key])) return { file: release, replaced: [], lost: [] };
  const [then, now] = [release.config ?? {}, today.config ?? {}];
  const sealed = Object.keys(then).filter((key) => isSealed(then[key]));
  const own = Object.fromEntries(Object.entries(then).filter(([key]) => !sealed.includes(key)));
  // No others: the release's own program refuses keys that came after it.
  const known = Object.fromEntries(sealed.flatMap((key) => (isSealed(now[key]) ? [[key, now[key]]] : [])));
  return {
    file: { ...today, config: { ...own, ...known } },
    replaced: sealed.filter((key) => key in known),
    lost: sealed.filter((key) => !(key in known)),
  };
}

/** Secrets that outlive a stack are those of its data, which stays: a rotation is not undone. */
function lastingOf(then: Config, now: Config, leaves: SecretLeaves): { config: Config; kept: string[] } {
  const [before, versions] = [versionsIn({ config: then }), versionsIn({ config: now })];
  const outliving = Object.entries(leaves).filter(([, { outlives }]) => outlives);
  const newer = outliving.map(([key]) => key).filter((key) => (versions[key] ?? 1) > (before[key] ?? 1));
  const given = outliving
    .flatMap(([key, { former = key }]) => [...new Set([key, former])].map((name) => `berth:${name}`))
    .filter((key) => key in now && JSON.stringify(now[key]) !== JSON.stringify(then[key]));
  const raised = { ...before, ...Object.fromEntries(newer.map((key) => [key, versions[key]])) };
  return {
    config: {
      ...then,
      ...(newer.length ? { "berth:secretVersions": raised } : {}),
      ...Object.fromEntries(given.map((key) => [key, now[key]])),
    },
    kept: [...newer.map((key) => `berth:secretVersions.${key}`), ...given],
  };
}
