/** What `npm run new` writes, as text by path: nothing here touches a file. */
import type { Problem } from "../config/problems.ts";
import { didYouMean } from "../config/nearest.ts";
import { isUnder, PUBLIC } from "../plan/checks/routes.ts";
import { routesOf } from "../plan/routes.ts";
import type { System } from "../plan/types.ts";

/** A message for a person, without a stack trace. */
export class Refusal extends Error {}

/** Path in the project → text. */
export type Files = Readonly<Record<string, string>>;

export interface Asked {
  readonly kind: "service" | "system";
  readonly name: string;
  /** Stores. */
  readonly uses: readonly string[];
  /** Public path of a service. @default it has none */
  readonly path?: string;
  /** The system that a service goes to. */
  readonly system: string;
}

/** What services run on that are made here (systems/parts/python.ts). */
const PYTHON = "python:3.11-slim";

/** A store that is there, and how a system names it, and the template of services, where that has code for it. */
const STORES: Readonly<Record<string, { readonly made: (system: string) => string; readonly variable?: string }>> = {
  postgres: { made: (system) => `postgres({ prefix: "${system.replaceAll("-", "_")}" })`, variable: "database" },
  redis: { made: () => "redis()", variable: "redis" },
  mongo: { made: (system) => `mongo({ prefix: "${system.replaceAll("-", "_")}", python: "${PYTHON}" })` },
  chroma: { made: () => `chroma({ python: "${PYTHON}" })` },
};
export const storeNames = Object.keys(STORES);

const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
/** Words of TypeScript, and what the files that name it import. */
const RESERVED =
  /^(?:await|break|case|catch|class|const|continue|debugger|default|delete|do|else|entries|entry|enum|export|extends|false|finally|for|function|if|implements|import|in|instanceof|interface|let|new|null|package|private|protected|public|python|return|static|super|switch|system|systems|this|throw|true|try|typeof|var|void|while|with|yield)$/;

/** @param taken Name → what has it. */
export function nameProblems({ kind, name }: Asked, taken: ReadonlyMap<string, string>): Problem[] {
  const fix = `npm run new -- ${kind} <another name>`;
  if (!NAME.test(name) || RESERVED.test(name))
    return [
      {
        key: "name",
        got: `"${name}" cannot be the name of a ${kind}`,
        allowed: "lower case letters and digits, with a hyphen between words, and no word of TypeScript",
        fix,
      },
    ];
  const owner = taken.get(name);
  return owner === undefined
    ? []
    : [{ key: "name", got: `"${name}" is taken by ${owner}`, allowed: "a name that nothing has", fix }];
}

export const systemProblems = ({ system }: Asked, known: readonly string[]): Problem[] =>
  known.includes(system)
    ? []
    : [
        {
          key: "--system",
          got: `there is no system "${system}"${didYouMean(system, known)}`,
          allowed: known.join(", "),
          fix: `npm run new -- system ${system}`,
        },
      ];

export const storeProblems = ({ kind, name, uses }: Asked, known: readonly string[]): Problem[] =>
  uses
    .filter((store) => !known.includes(store))
    .map((store) => ({
      key: "--uses",
      got: `there is no store "${store}"${didYouMean(store, known)}`,
      allowed: known.join(", ") || "none: the system has no stores (`stores` in its index.ts)",
      fix: `npm run new -- ${kind} ${name}${known.length ? ` --uses ${known.join(",")}` : ""}`,
    }));

export function pathProblems({ name, path }: Asked, { services }: System): Problem[] {
  if (path === undefined) return [];
  const fix = `npm run new -- service ${name} --path /${name}`;
  if (!PUBLIC.test(path) || path === "/")
    return [
      { key: "--path", got: `"${path}" cannot be a public path`, allowed: "/name, without a slash at its end", fix },
    ];
  const routes = [
    { service: "the edge", other: "/metrics" },
    ...services.flatMap((spec) =>
      routesOf(spec).flatMap((route) => (route.public ? [{ service: spec.name, other: route.public }] : [])),
    ),
  ];
  return routes
    .filter(({ other }) => other !== "/" && (isUnder(path, other) || isUnder(other, path)))
    .map(({ service, other }) => ({
      key: "--path",
      got: `${path} overlaps ${other} of ${service}`,
      allowed: "a path of its own",
      fix,
    }));
}

/** `sms-router` as TypeScript names it. */
const identifier = (name: string): string => name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/** The next port after those of the applications. */
const freePort = ({ services }: System): number =>
  Math.max(7999, ...services.filter(({ tier }) => tier === "app").flatMap(({ port }) => port ?? [])) + 1;

/**
 * A line that ends with `# <store>`, and lines between `# <store>` and `# </store>`, stay where the store is used;
 * `<stores>` where any is.
 */
function forStores(text: string, uses: readonly string[]): string {
  const kept = [...uses, ...(uses.length ? ["stores"] : [])];
  const rest = ["stores", ...storeNames].reduce((whole, mark) => {
    const keep = (_: string, inside: string): string => (kept.includes(mark) ? inside : "");
    return whole
      .replaceAll(new RegExp(`^ *# <${mark}>\\n([\\s\\S]*?)^ *# </${mark}>\\n`, "gm"), keep)
      .replaceAll(new RegExp(`^(.*?\\S)  # <${mark}>(\\n)`, "gm"), (_, line: string) => keep(_, `${line}\n`));
  }, text);
  return `${rest.trimEnd()}\n`;
}

/** Puts values in the place of their names. A line that only had an empty one is gone. */
const filled = (text: string, values: Readonly<Record<string, string | number>>): string =>
  Object.entries(values).reduce(
    (rest, [name, value]) =>
      value === ""
        ? rest.replace(`  @{${name}}\n`, "").replace(`@{${name}}\n`, "")
        : rest.replaceAll(`@{${name}}`, `${value}`),
    text,
  );

/** Texts of bin/scaffold, by their names. */
type Texts = Readonly<Record<string, string>>;

export interface Place {
  /** Of the system that the service goes to. */
  readonly folder: string;
  readonly system: System;
  /** Files of services/template, by their path in it. */
  readonly template: Files;
  /** Text of systems/<system>/services/index.ts. */
  readonly index: string;
}

/** @throws {Refusal} where the list of entries has another form. */
export function serviceFiles({ name, uses, path }: Asked, place: Place, texts: Texts): Files {
  const { folder, system, template, index } = place;
  const variables = uses.flatMap((store) => STORES[store]?.variable ?? []);
  const own = Object.entries(template).map(([file, text]): [string, string] => [
    `services/${name}/${file}`,
    forStores(text.replace("create(database, redis)", `create(${variables.join(", ")})`), uses).replaceAll(
      "newservice",
      name,
    ),
  ]);
  const entry = filled(texts["entry"]!, {
    name,
    id: identifier(name),
    port: freePort(system),
    uses: uses.length === 0 ? "" : `uses: ${JSON.stringify(uses)},`,
    route: path === undefined ? "" : `route: { public: "${path}", strip: true, check: "${path}/health" },`,
  });
  return {
    ...Object.fromEntries(own),
    [`${folder}/services/${name}.ts`]: entry,
    [`${folder}/services/index.ts`]: listed(index, name, `./${name}.ts`, identifier(name)),
  };
}

export interface Around {
  /** Text of systems/index.ts. */
  readonly index: string;
  /** Text of the workflow that previews every stack. */
  readonly workflow: string;
  /** Host ports of the other stacks. */
  readonly taken: ReadonlySet<number>;
}

/** @throws {Refusal} where the list of systems, or the workflow, has another form. */
export function systemFiles({ name, uses }: Asked, { index, workflow, taken }: Around, texts: Texts): Files {
  const [id, stack] = [identifier(name), stackOf(name)];
  return {
    [`systems/${name}/index.ts`]: filled(texts["system"]!, {
      name,
      id,
      imports: uses.map((store) => `import { ${store} } from "../stores/${store}.ts";`).join("\n"),
      stores: uses.map((store) => STORES[store]!.made(name)).join(", ") || " ",
    }),
    [`systems/${name}/services/index.ts`]: texts["entries"]!,
    "systems/index.ts": listed(index, name, `./${name}/index.ts`, id),
    [`Pulumi.${stack}.yaml`]: filled(texts["stack"]!, { name, ...portsOf(uses, taken) }),
    [WORKFLOW]: previewed(workflow, stack),
  };
}

export const stackOf = (system: string): string => `${system}-dev`;

/** Takes one more into the only list of a file, with its import. @throws {Refusal} where there is no such list. */
function listed(text: string, name: string, from: string, id: string): string {
  const list = /^(export const \w+.* = )([[{])([^\]}]*)([\]}][^;]*;)$/m.exec(text);
  const lastImport = [...text.matchAll(/^import .*;$/gm)].at(-1);
  if (!list || !lastImport) throw new Refusal("the list of what there is has another form than npm run new expects");
  const [whole, head, open, inside, close] = list as unknown as [string, string, string, string, string];
  const key = open === "{" && id !== name ? `"${name}": ${id}` : id;
  const elements = [...inside.split(",").map((one) => one.trim()), key].filter(Boolean);
  const padding = open === "{" ? " " : "";
  const end = lastImport.index + lastImport[0].length;
  const imported = `${text.slice(0, end)}\nimport { ${id} } from "${from}";${text.slice(end)}`;
  return imported.replace(whole, `${head}${open}${padding}${elements.join(", ")}${padding}${close}`);
}

/** Endpoints that every system publishes in dev, and those of stores, at the ports that dev has. */
const PORTS = { edge: 8000, prometheus: 9090, alertmanager: 9093, grafana: 3000, loki: 3100, jaeger: 16686 };
const STORE_PORTS: Readonly<Record<string, number>> = { postgres: 5432, redis: 6379, mongo: 27017 };

/** Those of dev, so much higher that no other stack has them. */
function portsOf(uses: readonly string[], taken: ReadonlySet<number>): { ports: string; offset: number } {
  const ports = {
    ...PORTS,
    ...Object.fromEntries(uses.flatMap((store) => (store in STORE_PORTS ? [[store, STORE_PORTS[store]!]] : []))),
  };
  const offsets = Array.from({ length: 230 }, (_, n) => n * 100);
  const offset = offsets.find((one) => Object.values(ports).every((port) => !taken.has(port + one))) ?? 0;
  const lines = Object.entries(ports).map(([endpoint, port]) => `    ${endpoint}: ${port}`);
  return { ports: lines.join("\n"), offset };
}

export const WORKFLOW = ".github/workflows/preview.yml";

/** A step for the stack after dev's. @throws {Refusal} where there is none. */
function previewed(workflow: string, stack: string): string {
  const after = /^ {6}- name: dev\n {8}run: bin\/preview dev .*\n/m.exec(workflow)?.[0];
  if (after === undefined)
    throw new Refusal(`${WORKFLOW} has no step that previews dev, after which another could stand`);
  const step = after
    .replaceAll(/\bdev\b/g, stack)
    .replace("        run", "        if: ${{ !cancelled() }}\n        run");
  return workflow.replace(after, () => after + step);
}
