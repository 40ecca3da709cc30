/** Runs the whole program, index.ts, against a monitor that records what it is asked to register. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";

// What else runs from this checkout is none of a test's business.
process.env["PULUMI_BACKEND_URL"] = "file:///nowhere";
// Nor is what this machine cannot run.
process.env["BERTH_OFF"] = "";
process.env["BERTH_INSTEAD"] = "";
process.env["BERTH_BASE_IMAGES"] = "";
/** Stands for the docker client, which the program asks for the schema's version. */
const CLIENT = mkdtempSync(join(tmpdir(), "berth-docker-"));
after(() => rmSync(CLIENT, { recursive: true }));
process.env["PATH"] = `${CLIENT}:${process.env["PATH"]}`;
let client: string;
/** @param script What it does, in sh. */
export function dockerClient(script = "echo 0000"): void {
  client = script;
  writeFileSync(join(CLIENT, "docker"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}
dockerClient();
const ROOT = join(import.meta.dirname, "../..");
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

export interface Recorded {
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  readonly parent: string;
  readonly inputs: Record<string, unknown>;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly deleteBeforeReplace: boolean;
  /** Whether the program said anything about deleteBeforeReplace. */
  readonly deleteBeforeReplaceDefined: boolean;
  readonly replaceOnChanges: readonly string[];
  readonly ignoreChanges: readonly string[];
  readonly dependencies: readonly string[];
  /** Names of what is called before it is made, and before it is updated. */
  readonly beforeCreate: readonly string[];
  readonly beforeUpdate: readonly string[];
}

export interface Run {
  readonly resources: readonly Recorded[];
  readonly outputs: Record<string, unknown>;
  /** `function image`, as the provider was asked. */
  readonly calls: readonly string[];
}

interface Request {
  getType(): string;
  getName(): string;
  getParent(): string;
  getCustom(): boolean;
  getProtect(): boolean;
  getObject(): { toJavaScript(): Record<string, unknown> };
  getRetainondelete(): boolean;
  getDeletebeforereplace(): boolean;
  getDeletebeforereplacedefined(): boolean;
  getReplaceonchangesList(): string[];
  getIgnorechangesList(): string[];
  getDependenciesList(): string[];
  getHooks(): { getBeforeCreateList(): string[]; getBeforeUpdateList(): string[] } | undefined;
}
type Respond = (error: unknown, response?: { getUrn(): string }) => void;
interface Monitor {
  registerResource: (request: Request, respond: Respond) => Promise<void>;
  registerErrorHook?: (request: unknown, respond: (error: unknown) => void) => void;
  registerResourceHook?: (request: unknown, respond: (error: unknown) => void) => void;
}

/** Listens to the mock monitor, which itself hands on neither options nor URNs. */
function listen(monitor: Monitor, recorded: Recorded[]): void {
  // The mock monitor has no hooks, and nobody would answer.
  monitor.registerErrorHook = (_, respond) => respond(null);
  monitor.registerResourceHook = (_, respond) => respond(null);
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, respond) =>
    register(request, (error, response) => {
      if (response)
        recorded.push({
          type: request.getType(),
          name: request.getName(),
          urn: response.getUrn(),
          parent: request.getParent(),
          inputs: request.getObject().toJavaScript(),
          protect: request.getProtect(),
          retainOnDelete: request.getRetainondelete(),
          deleteBeforeReplace: request.getDeletebeforereplace(),
          deleteBeforeReplaceDefined: request.getDeletebeforereplacedefined(),
          replaceOnChanges: request.getReplaceonchangesList(),
          ignoreChanges: request.getIgnorechangesList(),
          dependencies: request.getDependenciesList(),
          beforeCreate: request.getHooks()?.getBeforeCreateList() ?? [],
          beforeUpdate: request.getHooks()?.getBeforeUpdateList() ?? [],
        });
      respond(error, response);
    });
}

/** Images that exist: what the functions of the provider find. */
export interface Existing {
  readonly engine?: readonly string[];
  readonly registry?: readonly string[];
}

/** What the engine would answer; digests and ids depend on nothing but the name. */
function engine(preview: boolean, existing: Existing, calls: string[]): pulumi.runtime.Mocks {
  const hex = (text: string, length: number) => Buffer.from(text).toString("hex").padEnd(length, "0").slice(0, length);
  return {
    newResource: ({ type, name, inputs }) => {
      const given = Object.fromEntries(
        Object.entries(inputs as Record<string, unknown>).map(([key, value]) => [key, reveal(value)]),
      );
      const computed: Record<string, unknown> = preview
        ? {}
        : ({
            "docker:index/image:Image": {
              repoDigest: `${given["skipPush"] === true ? "" : `${String(given["imageName"]).replace(/:[^:/]+$/, "")}@`}sha256:${hex(name, 64)}`,
            },
            "random:index/randomPassword:RandomPassword": { result: `password-of-${name}` },
          }[type] ?? {});
      const named =
        /docker:index\/(container|network|volume)/.test(type) && !preview
          ? { name: given["name"] ?? `${name}-0000000` }
          : {};
      return { id: preview ? undefined : `${name}-id`, state: { ...given, ...named, ...computed } };
    },
    call: ({ token, inputs }) => {
      const [called, { name }] = [token.split(":").at(-1)!, inputs as { name: string }];
      if (!["getRemoteImage", "getRegistryImage"].includes(called))
        throw new Error(`the program called ${token}, which no test expects`);
      const found = called === "getRemoteImage" ? existing.engine : existing.registry;
      calls.push(`${called} ${name}`);
      // The SDK reads a gRPC error's details.
      if (found?.includes(name) !== true)
        throw Object.assign(new Error(), {
          details: `invoking ${token}: 1 error occurred:\n\t* did not find ${name}\n\n`,
        });
      return { name, id: name };
    },
  };
}

export interface RunArgs {
  readonly stack: string;
  readonly preview?: boolean;
  /** Laid over the stack file: full keys; undefined removes. */
  readonly config?: Record<string, unknown>;
  readonly secrets?: Record<string, string>;
  /** @default on the engine is what `berth:images` names: a stack file may run promoted images */
  readonly existing?: Existing;
  /** Which git tells of the images' folders. @default none: asking it takes longer than the rest of a run */
  readonly history?: "this checkout" | { readonly gitDir: string };
  /** Filled with what is registered, for a program that is refused: it runs anew. */
  readonly resources?: Recorded[];
}

const known = new Map<string, Promise<Run>>();

/**
 * What the program declares. A run takes half a second, so what was run with the same arguments is not run again.
 * @throws what the program throws: a RunError for bad configuration.
 */
export function runProgram(args: RunArgs): Promise<Run> {
  if (args.resources) return runAnew(args);
  // In JSON what is undefined, which removes a key of the stack file, would be as if it were not there.
  const whole = { preview: false, config: {}, secrets: {}, ...args };
  const key = JSON.stringify([whole, client], (_, value: unknown) => value ?? null);
  return known.get(key) ?? known.set(key, runAnew(args).then(freeze)).get(key)!;
}

/** Nobody changes what the next test sees. */
function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value))
    Object.values(Object.freeze(value)).forEach(freeze);
  return value;
}

let runs = 0;

/** The same, whether or not it ran before. */
export async function runAnew(args: RunArgs): Promise<Run> {
  const { stackTraceLimit } = Error;
  const { history = { gitDir: "/nowhere" } } = args;
  // The SDK takes a stack trace for every promise, and mocha wants all of each: that took two thirds of the time.
  Error.stackTraceLimit = 1;
  if (history !== "this checkout") Object.assign(process.env, { GIT_DIR: history.gitDir, GIT_WORK_TREE: ROOT });
  try {
    return await run(args);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    for (const name of ["GIT_DIR", "GIT_WORK_TREE"]) delete process.env[name];
  }
}

async function run({
  stack,
  preview = false,
  config = {},
  secrets = {},
  existing,
  resources = [],
}: RunArgs): Promise<Run> {
  const file = parse(readFileSync(join(ROOT, `Pulumi.${stack}.yaml`), "utf8")) as { config: Record<string, unknown> };
  const values = { ...file.config, ...config };
  const { engine: there = Object.values(values["berth:images"] ?? {}) as string[], registry = [] } = existing ?? {};
  const texts = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]): [string, string] => [key, typeof value === "string" ? value : JSON.stringify(value)]);
  const calls: string[] = [];
  await pulumi.runtime.setMocks(engine(preview, { engine: there, registry }, calls), "berth", stack, preview);
  listen(pulumi.runtime.getMonitor() as unknown as Monitor, resources);
  pulumi.runtime.setAllConfig({ ...Object.fromEntries(texts), ...secrets }, Object.keys(secrets));
  // Another query is another module: the program runs afresh.
  const program = (await import(`../../index.ts?run=${runs++}`)) as Record<string, unknown>;
  const outputs = Object.fromEntries(
    await Promise.all(
      Object.entries(program).map(async ([name, value]) => [name, await promiseOf(pulumi.output(value))] as const),
    ),
  );
  await pulumi.runtime.disconnect();
  return { resources, outputs, calls };
}

export const promiseOf = <T>(output: pulumi.Output<T>): Promise<T> =>
  (output as unknown as { promise(): Promise<T> }).promise();

export const isSecret = (value: unknown): boolean =>
  typeof value === "object" && value !== null && (value as Record<string, unknown>)[SIGNATURE] === SECRET;

/** The plain value, whether or not it was marked secret. */
export const reveal = (value: unknown): unknown =>
  isSecret(value) ? JSON.parse(JSON.stringify((value as { value: unknown }).value)) : value;

export const CONTAINER = "docker:index/container:Container";
export const VOLUME = "docker:index/volume:Volume";
export const NETWORK = "docker:index/network:Network";

export const ofType = (run: Run, type: string): readonly Recorded[] =>
  run.resources.filter((resource) => resource.type === type);
/** Containers that run; those that only carry files in never start. */
export const running = (run: Run): readonly Recorded[] =>
  ofType(run, CONTAINER).filter((container) => container.inputs["start"] !== false);
export const labelsOf = (resource: Recorded): Record<string, string> =>
  Object.fromEntries(
    (resource.inputs["labels"] as { label: string; value: string }[]).map(({ label, value }) => [label, value]),
  );

/** @throws unless there is exactly one. */
export function find(run: Run, type: string, name: string): Recorded {
  const found = ofType(run, type).filter((resource) => resource.name === name);
  if (found.length !== 1)
    throw new Error(
      `${found.length} of ${type} ${name}; there are ${ofType(run, type)
        .map((resource) => resource.name)
        .join(", ")}`,
    );
  return found[0]!;
}
