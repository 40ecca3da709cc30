/** Reads lists of installed packages out of the files of an image. Pure: scan/export.ts brings the files. */
import type { Inventory, Package } from "./types.ts";

/** A path without leading slash → the file's text. */
export type Files = ReadonlyMap<string, string>;

const DPKG = /^var\/lib\/dpkg\/(status|status\.d\/[^/]+)$/;
const PYTHON = /\.(dist-info\/METADATA|egg-info(\/PKG-INFO)?)$/;
const NPM = /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+\/package\.json$/;
const RELEASE = /^(etc|usr\/lib)\/os-release$/;
/** What Debian packages bring is Debian's: patched there, under the version that the project gave it. */
const DEBIANS = /^usr\/(lib\/python3\/dist-packages|share\/(nodejs|java|maven-repo))\//;
/** Lists of other kinds. That nothing of them is read must be said. */
const OTHER: readonly (readonly [RegExp, string])[] = [
  [/^(lib|usr\/lib)\/apk\/db\/installed$/, "Alpine packages"],
  [/^(var\/lib|usr\/lib\/sysimage)\/rpm\//, "RPM packages"],
  [/\.[jw]ar$/, "Java archives"],
];

/** Whether a file's text is needed. */
export const isWanted = (path: string): boolean =>
  [DPKG, PYTHON, NPM, RELEASE].some((pattern) => pattern.test(path)) &&
  !DEBIANS.test(path) &&
  !path.endsWith(".md5sums");

/** @param entries Every file of the image, wanted or not. */
export function inventoryOf(
  files: Files,
  entries: readonly { readonly path: string; readonly go?: boolean }[],
): Inventory {
  const found: Package[] = [];
  for (const [path, text] of files) {
    if (DPKG.test(path)) found.push(...debian(text));
    else if (PYTHON.test(path)) found.push(...python(text));
    else if (NPM.test(path)) found.push(...npm(text));
  }
  const unread = new Set<string>();
  for (const { path } of entries)
    for (const [pattern, what] of OTHER) if (pattern.test(path) && !DEBIANS.test(path)) unread.add(what);
  const programs = entries.filter(({ go }) => go).map(({ path }) => `/${path}`);
  if (programs.length) unread.add(`the modules of Go programs (${programs.sort().join(", ")})`);
  // An image of one binary has no list at all. It is not the same as an image without packages.
  if (found.length === 0 && unread.size === 0) unread.add("whatever it holds, because no list of packages is in it");
  const release = releaseOf(files);
  return { packages: unique(found), ...(release === undefined ? {} : { release }), unread: [...unread].sort() };
}

/** Paragraphs of `Field: value`, as Debian's files and the head of Python's have them. */
function fields(paragraph: string): Record<string, string> {
  return Object.fromEntries(
    [...paragraph.matchAll(/^([A-Za-z][\w-]*):[ \t]*(.*)$/gm)]
      .reverse()
      .map(([, key, value]) => [key!.toLowerCase(), value!.trim()]),
  );
}

function debian(text: string): Package[] {
  return text
    .split(/\n\s*\n/)
    .map(fields)
    .flatMap(({ package: name, version, source, status, architecture }): Package[] => {
      // Removed packages stay listed while their configuration is there. Lists of distroless images have no status.
      if (!name || !version || (status !== undefined && !status.endsWith(" installed"))) return [];
      const [, of = name, at = version] = /^(\S+)(?: \((.+)\))?$/.exec(source ?? "") ?? [];
      return [
        {
          ecosystem: "Debian",
          name,
          version,
          source: { name: of, version: at },
          ...(architecture ? { arch: architecture } : {}),
        },
      ];
    });
}

function python(text: string): Package[] {
  const { name, version } = fields(text.split(/\n\s*\n/, 1)[0]!);
  return name && version ? [{ ecosystem: "PyPI", name: name.toLowerCase().replaceAll(/[-_.]+/g, "-"), version }] : [];
}

function npm(text: string): Package[] {
  try {
    const { name, version } = JSON.parse(text) as { name?: unknown; version?: unknown };
    return typeof name === "string" && typeof version === "string" ? [{ ecosystem: "npm", name, version }] : [];
  } catch {
    return [];
  }
}

function releaseOf(files: Files): string | undefined {
  const text = files.get("usr/lib/os-release") ?? files.get("etc/os-release") ?? "";
  return /^ID=["']?debian["']?$/m.test(text) ? /^VERSION_ID=["']?(\d+)["']?/m.exec(text)?.[1] : undefined;
}

const keyOf = ({ ecosystem, name, version, arch = "" }: Package): string => [ecosystem, name, version, arch].join(" ");
const unique = (packages: readonly Package[]): Package[] =>
  [...new Map(packages.map((one) => [keyOf(one), one])).entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, one]) => one);
