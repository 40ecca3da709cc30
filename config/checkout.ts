/**
 * What the checkout tells about this stack and its neighbours beside Pulumi's configuration: stack
 * files, and the states of a backend of files.
 */
import { createDecipheriv, pbkdf2 } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import * as os from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseDocument } from "yaml";
import { Refusal } from "./problems.ts";

/** The dev stack's secrets are nobody's: everybody may know what they are encrypted with (bin/lib.sh has it too). */
export const PUBLIC_PASSPHRASE = "berth-dev";

/** Another stack file of this checkout. */
export interface OtherStack {
  readonly stack: string;
  /** Its `berth:system`. */
  readonly system: string | undefined;
  /** Its `docker:host`. */
  readonly engine: string | undefined;
  /** Whether its state has containers. */
  readonly runs: boolean;
  /** Host ports: those it has, otherwise those that its file asks for. */
  readonly ports: ReadonlySet<number>;
}

type Config = Readonly<Record<string, unknown>>;
export interface StackFile {
  readonly config?: Config;
  readonly encryptionsalt?: string;
  readonly encryptedkey?: string;
  readonly secretsprovider?: string;
}
interface Resource {
  readonly type: string;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** Where a backend of files keeps its states; undefined for any other backend, which has its own housekeeping. */
export function stateFolder(): string | undefined {
  // Empty, as where CI has no such secret, it counts for nothing.
  const backend = process.env["PULUMI_BACKEND_URL"] || "file://.state";
  if (!backend.startsWith("file://")) return undefined;
  return join(backend.slice("file://".length).replace(/^~/, os.homedir()), ".pulumi");
}

/** @param folder Where the stack file is. @throws {Refusal} where it is not there. */
export function stackText(stack: string, folder: string): string {
  try {
    return readFileSync(join(folder, `Pulumi.${stack}.yaml`), "utf8");
  } catch (error) {
    throw new Refusal(`Pulumi.${stack}.yaml cannot be read: ${(error as Error).message}`);
  }
}

/** @param folder Where the stack file is. @throws {Refusal} where it is not there, or is no stack file. */
export function stackFile(stack: string, folder: string): StackFile {
  const document = parseDocument(stackText(stack, folder));
  const [error] = document.errors;
  const file: unknown = document.errors.length ? undefined : (document.toJS() ?? {});
  const config = isMap(file) ? (file["config"] ?? {}) : undefined;
  if (!isMap(file) || !isMap(config))
    throw new Refusal(
      `Pulumi.${stack}.yaml is no stack file: ${error?.message.trimEnd() ?? "it has to be a map, and so has its key config"}`,
    );
  return { ...file, config };
}

/** Keys that Pulumi.yaml sets for all stacks; those without a namespace are ours. @param folder Where it is. */
export function projectKeys(folder: string): string[] {
  try {
    const project: unknown = parseDocument(readFileSync(join(folder, "Pulumi.yaml"), "utf8")).toJS();
    const config = isMap(project) ? project["config"] : undefined;
    return isMap(config) ? Object.keys(config).map((key) => (key.includes(":") ? key : `berth:${key}`)) : [];
  } catch {
    // The CLI says what is wrong with it.
    return [];
  }
}

/** How often each generated secret was made anew; 1 where it is not named. */
export const versionsIn = ({ config = {} }: StackFile): Readonly<Record<string, number>> =>
  numbersIn(config, "berth:secretVersions");

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether a value of a stack file is encrypted, wholly or in part. */
export const isSealed = (value: unknown): boolean => /"secure":/.test(JSON.stringify(value) ?? "");

/**
 * The other stacks whose files can be read. One that cannot is none of this stack's business.
 * @param folder Where the stack files are.
 */
export function otherStacks(stack: string, folder = "."): OtherStack[] {
  const names = readdirSync(folder)
    .flatMap((file) => /^Pulumi\.([\w-]+)\.yaml$/.exec(file)?.[1] ?? [])
    .filter((name) => name !== stack)
    .sort();
  return names.flatMap((name) => {
    try {
      const { config = {} } = stackFile(name, folder);
      const engine = config["docker:host"] as string | undefined;
      const held = portsHeld(name, folder);
      const system = config["berth:system"] as string | undefined;
      return [{ stack: name, system, engine, runs: held !== undefined, ports: new Set(held ?? portsWanted(config)) }];
    } catch {
      return [];
    }
  });
}

/** DOCKER_HOST, where it names another machine. */
export function remoteEngine(): string | undefined {
  const host = process.env["DOCKER_HOST"];
  return host && !host.startsWith("unix:") ? host : undefined;
}

/**
 * The other stacks on a stack's engine, as far as stack files tell. Which engine DOCKER_HOST named when a stack was
 * made is on no record: where it names another machine now, a stack without `docker:host` has no neighbours.
 *
 * @param engine Its `docker:host`.
 * @param folder Where the stack files are.
 */
export const neighboursOf = (stack: string, engine: string | undefined, folder = "."): OtherStack[] =>
  engine === undefined && remoteEngine() !== undefined
    ? []
    : otherStacks(stack, folder).filter((other) => other.engine === engine);

function portsWanted(config: Config): number[] {
  const off = writtenIn(config, "berth:off") ?? [];
  return Object.entries(numbersIn(config, "berth:ports"))
    .filter(([endpoint]) => !(Array.isArray(off) && off.includes(endpoint)))
    .map(([, port]) => port + Number(config["berth:portOffset"] ?? 0));
}

/** A list or an object, which the CLI writes as text where it is set as a whole. */
function writtenIn(config: Config, key: string): unknown {
  const value = config[key];
  return typeof value === "string" ? parseDocument(value).toJS() : value;
}

function numbersIn(config: Config, key: string): Readonly<Record<string, number>> {
  const value = writtenIn(config, key);
  return isMap(value) ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, Number(one)])) : {};
}

/** Host ports of the containers in a stack's state; undefined where it has none, or no state that can be read. */
function portsHeld(stack: string, folder: string): number[] | undefined {
  const containers = resourcesOf(stack, folder)?.filter(({ type }) => type === "docker:index/container:Container");
  return containers?.length
    ? containers.flatMap(({ outputs }) =>
        ((outputs?.["ports"] ?? []) as readonly { readonly external?: number }[]).flatMap(
          ({ external }) => external ?? [],
        ),
      )
    : undefined;
}

/**
 * An output of a stack that is no secret, as its state has it. @param folder Where the stack files are.
 * @returns undefined where there is none, or no state that can be read here: then the CLI knows
 */
export const outputIn = (stack: string, name: string, folder = "."): unknown =>
  resourcesOf(stack, folder)?.find(({ type }) => type === "pulumi:pulumi:Stack")?.outputs?.[name];

/** What the state in a backend of files holds, secrets encrypted. */
function resourcesOf(stack: string, folder: string): readonly Resource[] | undefined {
  const states = stateFolder();
  if (states === undefined) return undefined;
  try {
    const file = states.startsWith("/") ? states : join(folder, states);
    const { checkpoint } = JSON.parse(readFileSync(join(file, "stacks/berth", `${stack}.json`), "utf8")) as {
      checkpoint: { latest?: { resources?: readonly Resource[] } };
    };
    return checkpoint.latest?.resources ?? [];
  } catch {
    return undefined;
  }
}

/**
 * Whether the stack file's secrets are open to everybody: whether the public passphrase opens the text
 * that the CLI keeps to recognise its passphrase, `v1:<salt>:v1:<nonce>:<"pulumi", AES-256-GCM>`. It
 * takes a fifth of a second, as it should.
 *
 * @param folder Where the stack file is.
 */
export async function hasPublicPassphrase(stack: string, folder = "."): Promise<boolean> {
  try {
    return await opens(PUBLIC_PASSPHRASE, stackFile(stack, folder).encryptionsalt ?? "");
  } catch {
    return false;
  }
}

async function opens(passphrase: string, salt: string): Promise<boolean> {
  const [, seed, , nonce, text] = salt.split(":").map((part) => Buffer.from(part, "base64"));
  const key = await promisify(pbkdf2)(passphrase, seed!, 1_000_000, 32, "sha256");
  const cipher = createDecipheriv("aes-256-gcm", key, nonce!).setAuthTag(text!.subarray(-16));
  // final() throws where the key is another one.
  return Buffer.concat([cipher.update(text!.subarray(0, -16)), cipher.final()]).toString() === "pulumi";
}
