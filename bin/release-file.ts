/** The stack file of a release that comes back. Pure: bin/release.ts reads and writes. */
import { isSealed, type StackFile } from "../config/checkout.ts";

/** What a stack file says of what its secrets are encrypted with. */
const PROVIDER = ["encryptionsalt", "encryptedkey", "secretsprovider"] as const;

export interface Readable {
  readonly file: StackFile;
  /** Keys whose values are today's, or gone with the provider that could read them. @default none */
  readonly replaced: readonly string[];
  readonly lost: readonly string[];
}

/**
 * A stack file that can be read: after `pulumi stack change-secrets-provider` nobody can read the secrets of a release
 * of before, and the state, which has what was generated, is today's. Those of today take their place.
 */
export function readable(release: StackFile, today: StackFile): Readable {
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
