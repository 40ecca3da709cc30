/** How a docker client is told how much build cache it keeps: its option has another name since Docker 28's buildx. */

/** Of what it keeps, the newest first. The former name is gone from the client's help, and later from the client. */
const OPTIONS = ["--reserved-space", "--keep-storage"] as const;

/**
 * @param help What `docker builder prune --help` says.
 * @param size Such as 4GB.
 * @returns arguments of `docker builder prune`; undefined, where it knows no such option and would delete everything.
 */
export function keeping(help: string, size: string): readonly string[] | undefined {
  const option = OPTIONS.find((name) => new RegExp(`^\\s+${name}\\b`, "m").test(help));
  return option === undefined ? undefined : [option, size];
}
