/**
 * What the conformance tests share: where the plugins are, a look at the engine,
 * and throwaway projects for the real CLI.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");

/** Any image with a shell and sleep that the engine has. */
export const IMAGE = process.env["CONFORMANCE_IMAGE"] ?? "python:3.11-slim";

/** The bench's registry, which speaks plain HTTP on the loopback interface. */
export const REGISTRY = process.env["BERTH_BENCH_REGISTRY"] ?? "127.0.0.1:5005";

/** On every object that a test makes, so that nothing else is ever touched. */
export const LABEL = "conformance-of-berth";
export const labels = [{ label: LABEL, value: "1" }];

/** BERTH_PLUGIN_PATH puts other plugins before the bench's own: the real provider is held to the same tests. */
export const pluginPath: readonly string[] = [
  ...(process.env["BERTH_PLUGIN_PATH"]?.split(delimiter) ?? []),
  join(root, "bench/plugins/bin"),
].filter(Boolean);

export const unique = (name: string): string => `conformance-${name}-${crypto.randomUUID().slice(0, 8)}`;

/** The docker command's answer. */
export async function docker(...args: string[]): Promise<string> {
  const { stdout } = await run("docker", args, { maxBuffer: 1 << 26 });
  return stdout.trim();
}

export interface Inspection {
  readonly Id: string;
  readonly Name: string;
  readonly State: { readonly Running: boolean; readonly ExitCode: number };
  readonly Config: {
    readonly Env: string[];
    readonly Healthcheck?: { readonly Interval: number; readonly Test: string[] };
  };
  readonly HostConfig: { readonly [key: string]: unknown };
  readonly NetworkSettings: { readonly Networks: { readonly [name: string]: { readonly Aliases: string[] | null } } };
}

export async function inspect(id: string): Promise<Inspection> {
  return (JSON.parse(await docker("inspect", "--type", "container", id)) as Inspection[])[0]!;
}

export const exists = (id: string): Promise<boolean> =>
  docker("inspect", id).then(
    () => true,
    () => false,
  );

/**
 * The engine's events since a moment about what these tests make (others may use
 * the engine too), health checks left out.
 */
export async function events(
  since: number,
): Promise<{ kind: string; action: string; id: string; exitCode?: string }[]> {
  const text = await docker(
    "events",
    "--since",
    (since / 1000).toFixed(3),
    "--until",
    (Date.now() / 1000).toFixed(3),
    "--format",
    "{{json .}}",
  );
  return text
    .split("\n")
    .filter(Boolean)
    .map(
      (line) =>
        JSON.parse(line) as { Type: string; Action: string; Actor: { ID: string; Attributes: { exitCode?: string } } },
    )
    .filter(
      ({ Action, Actor }) => !/^(health_status|exec_)/.test(Action) && JSON.stringify(Actor).includes("conformance-"),
    )
    .map(({ Type, Action, Actor }) => ({
      kind: Type,
      action: Action,
      id: Actor.ID,
      ...(Actor.Attributes.exitCode && { exitCode: Actor.Attributes.exitCode }),
    }));
}

/** Removes what the tests left behind, by label and by name. */
export async function sweep(): Promise<void> {
  const quiet = async (...args: string[]): Promise<string[]> =>
    (await docker(...args).catch(() => "")).split("\n").filter(Boolean);
  const ours = async (...list: string[]): Promise<string[]> => [
    ...new Set([
      ...(await quiet(...list, "--filter", `label=${LABEL}`)),
      ...(await quiet(...list, "--filter", "name=^/?conformance-")),
    ]),
  ];
  const removals: [list: string[], remove: string[]][] = [
    [
      ["ps", "-aq"],
      ["rm", "-fv"],
    ],
    [
      ["network", "ls", "-q"],
      ["network", "rm"],
    ],
    [
      ["volume", "ls", "-q"],
      ["volume", "rm", "-f"],
    ],
  ];
  for (const [list, remove] of removals) {
    const found = await ours(...list);
    if (found.length > 0) await quiet(...remove, ...found);
  }
  const images = await quiet(
    "images",
    "--format",
    "{{.Repository}}:{{.Tag}}",
    "--filter",
    "reference=localhost/conformance-*",
    "--filter",
    `reference=${REGISTRY}/conformance-*`,
  );
  if (images.length > 0) await quiet("rmi", "-f", ...images);
}

export interface Outcome {
  readonly ok: boolean;
  readonly output: string;
}

interface StateResource {
  readonly urn: string;
  readonly id?: string;
  readonly inputs: { readonly [name: string]: unknown };
  readonly outputs: { readonly [name: string]: unknown };
  readonly initErrors?: readonly string[];
  readonly delete?: boolean;
}

/** A throwaway project with a state of its own, driven by the real CLI. */
export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), "conformance-"));

  constructor() {
    const write = (name: string, text: string): void => writeFileSync(join(this.folder, name), text);
    mkdirSync(join(this.folder, ".state"));
    symlinkSync(join(root, "node_modules"), join(this.folder, "node_modules"));
    write(
      "Pulumi.yaml",
      "name: conformance\nruntime: {name: nodejs, options: {typescript: false}}\nbackend: {url: 'file://.state'}\n",
    );
    write("package.json", JSON.stringify({ name: "conformance", type: "module", main: "index.ts" }));
  }

  /** The body of the program; `docker`, `random` and `pulumi` are imported for it. */
  program(body: string): void {
    const imports = ["docker", "random", "pulumi"].map((name) => `import * as ${name} from "@pulumi/${name}";`);
    writeFileSync(
      join(this.folder, "index.ts"),
      [...imports, `const IMAGE = ${JSON.stringify(IMAGE)};`, `const labels = ${JSON.stringify(labels)};`, body].join(
        "\n",
      ),
    );
  }

  /** How the CLI is started: with the plugins to be tested first on PATH, and the node that runs these tests. */
  command(...given: string[]): { command: string; args: string[]; cwd: string; env: NodeJS.ProcessEnv } {
    const PATH = [
      ...pluginPath,
      dirname(process.execPath),
      process.env["PATH"] ?? "",
      join(homedir(), ".cache/berth-bench/bin"),
    ].join(delimiter);
    const env = {
      ...process.env,
      PATH,
      PULUMI_CONFIG_PASSPHRASE: "conformance",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_BACKEND_URL: undefined,
    };
    return { command: "pulumi", args: [...given, "--non-interactive"], cwd: this.folder, env };
  }

  async pulumi(...given: string[]): Promise<Outcome> {
    const { command, args, cwd, env } = this.command(...given);
    try {
      const { stdout, stderr } = await run(command, args, { cwd, env, maxBuffer: 1 << 26 });
      return { ok: true, output: stdout + stderr };
    } catch (error) {
      const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
      return { ok: false, output: stdout + stderr };
    }
  }

  async start(body: string): Promise<void> {
    this.program(body);
    const { ok, output } = await this.pulumi("stack", "init", "dev");
    if (!ok) throw new Error(output);
  }

  up = (...args: string[]): Promise<Outcome> => this.pulumi("up", "--yes", "--skip-preview", "--stack", "dev", ...args);
  preview = (...args: string[]): Promise<Outcome> => this.pulumi("preview", "--stack", "dev", ...args);
  refresh = (): Promise<Outcome> => this.pulumi("refresh", "--yes", "--skip-preview", "--stack", "dev");

  async state(): Promise<readonly StateResource[]> {
    const { output } = await this.pulumi("stack", "export", "--stack", "dev");
    const json = JSON.parse(output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1)) as {
      deployment: { resources?: StateResource[] };
    };
    return json.deployment.resources ?? [];
  }

  /** The resource of a logical name, not counting those that wait for their deletion. */
  async resource(name: string): Promise<StateResource> {
    const found = (await this.state()).find(
      ({ urn, delete: pending }) => urn.endsWith(`::${name}`) && pending !== true,
    );
    if (found === undefined) throw new Error(`no ${name} in the state`);
    return found;
  }

  async end(): Promise<void> {
    await this.pulumi("destroy", "--yes", "--skip-preview", "--stack", "dev");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
