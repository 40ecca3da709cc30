/** Two values of a property to the lines that a reviewer reads, secrets masked. Pure. */

/** How the CLI writes a secret, and a value that only the update will tell. */
const SECRET = "[secret]";
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/** Marks a secret where it is wrapped. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const LONGEST = 100;
const MOST = 6;

type Object = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
/** For providers, no value and an empty one are the same. */
const isUnset = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === "" ||
  value === false ||
  value === 0 ||
  (typeof value === "object" && Object.keys(value).length === 0);

/**
 * No text leaves here but through this: the CLI masks what it knows for a secret;
 * what only looks like one is masked as well.
 */
const masked = (text: string): string =>
  text
    .replaceAll(/:\/\/[^/\s@]*@/g, `://${SECRET}@`)
    .replaceAll(
      /\b(\w*(?:PASSWORD|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|(?:API|PRIVATE|SIGNING)_?KEY)\w*(?<!_FILE))(["']?[=:]\s*)(?!\[secret\])("[^"]*"|[^\s,}]+)/gi,
      `$1$2${SECRET}`,
    );

function text(value: unknown): string {
  if (value === UNKNOWN) return "known when applied";
  if (isObject(value) && SIGNATURE in value) return SECRET;
  const whole = masked(
    typeof value === "string"
      ? value
      : (JSON.stringify(value, (key, inner: unknown) => {
          if (key === "__defaults") return undefined;
          return inner === UNKNOWN || (isObject(inner) && SIGNATURE in inner) ? text(inner) : inner;
        }) ?? "nothing"),
  );
  const short = whole.length > LONGEST ? `${whole.slice(0, LONGEST)}…` : whole;
  return short.replaceAll("`", "'").replaceAll(/\s*\n\s*/g, " ⏎ ");
}

const code = (value: unknown): string => (isUnset(value) ? "nothing" : `\`${text(value)}\``);

/** What tells an element of a list from the others. */
function keyOf(element: Object): string | undefined {
  const key = ["containerPath", "file", "label", "internal", "target", "name"].find(
    (name) => !isUnset(element[name]) && element[name] !== UNKNOWN,
  );
  return key === undefined ? undefined : text(element[key]);
}

const without = (list: readonly unknown[], other: readonly unknown[]): readonly unknown[] => {
  const there = new Set(other.map((element) => JSON.stringify(element)));
  return list.filter((element) => !there.has(JSON.stringify(element)));
};

function listDifference(path: string, old: readonly unknown[], fresh: readonly unknown[]): string[] {
  const [gone, come] = [without(old, fresh), without(fresh, old)];
  const pairs = come.map(
    (element) =>
      [gone.find((was) => isObject(was) && isObject(element) && keyOf(was) === keyOf(element)), element] as const,
  );
  const paired = new Set(pairs.map(([was]) => was));
  const alone = [
    ...gone.filter((element) => !paired.has(element)).map((element) => `− ${code(element)}`),
    ...pairs.filter(([was]) => was === undefined).map(([, element]) => `+ ${code(element)}`),
  ];
  const shown = alone.length > MOST ? [...alone.slice(0, MOST), `and ${alone.length - MOST} more`] : alone;
  return [
    ...(shown.length ? [`${path}: ${shown.join(", ")}`] : []),
    ...pairs.flatMap(([was, element]) =>
      isObject(was) && isObject(element) ? differenceOf(`${path}[${keyOf(element) ?? "…"}]`, was, element) : [],
    ),
  ];
}

/** One line for each place where two values differ; none where they mean the same. */
export function differenceOf(path: string, old: unknown, fresh: unknown): string[] {
  if (isUnset(old) && isUnset(fresh)) return [];
  const wrapped = [old, fresh].some((value) => isObject(value) && SIGNATURE in value);
  // The CLI writes one word for every secret: nothing is learnt from comparing them.
  if (wrapped || old === SECRET || fresh === SECRET) return [`${path}: ${SECRET} changes`];
  if (JSON.stringify(old) === JSON.stringify(fresh)) return [];
  if (Array.isArray(old) && Array.isArray(fresh)) return listDifference(path, old, fresh);
  if (isObject(old) && isObject(fresh)) {
    return [...new Set([...Object.keys(old), ...Object.keys(fresh)])]
      .filter((key) => key !== "__defaults")
      .flatMap((key) => differenceOf(`${path}.${key}`, old[key], fresh[key]));
  }
  const [was, is] = [old, fresh].map((value) => /^(.+)-[0-9a-f]{7}$/.exec(typeof value === "string" ? value : "")?.[1]);
  // The end of an automatic name is made up for the preview: the update will choose another.
  return [was !== undefined && was === is ? `${path}: another \`${was}\`` : `${path}: ${code(old)} → ${code(fresh)}`];
}
