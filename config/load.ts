/** The only reader of Pulumi's configuration; everything after it takes plain arguments. */
import * as pulumi from "@pulumi/pulumi";
import { authorityProblems, certificateNotices, certificateProblems, type Shown } from "./certificate.ts";
import {
  hasPublicPassphrase,
  neighboursOf,
  type OtherStack,
  projectKeys,
  remoteEngine,
  stackText,
} from "./checkout.ts";
import { addressOf, type Engine, engineAt, type Machine, SOCKET, strayContext, thisMachine } from "./engine.ts";
import { foreignProblems, sharedProblems } from "./foreign.ts";
import { withInstead } from "./instead.ts";
import { offHere } from "./here.ts";
import { parseConfig, type RawSecret } from "./parse.ts";
import { formatProblems, type Problem, ProblemsError, Refusal, setCommand } from "./problems.ts";
import { mebibytes, type Settings } from "./schema.ts";
import { faultOf, type SecretKey, weakness } from "./secrets.ts";
import { type Shape, type Shapes, systemOf } from "./shape.ts";

export interface Loaded<S> {
  /** The system that the stack runs. */
  readonly system: S;
  readonly stack: string;
  readonly settings: Settings;
  /** Every key that the stack file may have. */
  readonly shape: Shape;
  /** The secrets that the stack file holds; each stays a secret Output. */
  readonly secrets: ReadonlyMap<SecretKey, pulumi.Output<string>>;
  /** Address of the engine (`docker:host`), where it is not this machine's. */
  readonly address: string | undefined;
  /** What the engine says of itself; undefined, where it does not answer. */
  readonly engine: Engine | undefined;
  /** What limits go by: as the stack file says, otherwise as the engine does. */
  readonly host: Machine;
  /** Services switched off, by the stack file or by BERTH_OFF. */
  readonly off: ReadonlySet<string>;
  /** The other stacks of this checkout that are on the same engine. */
  readonly neighbours: readonly OtherStack[];
  /** Whether everybody knows what this stack's secrets are encrypted with; not asked in dev, where it is so. */
  readonly publicPassphrase: boolean;
}

/**
 * @param systems The systems that a stack can run.
 * @throws {pulumi.RunError} with every problem of the stack file.
 */
export async function load<S extends Shapes[string]>(systems: Readonly<Record<string, S>>): Promise<Loaded<S>> {
  const stack = pulumi.getStack();
  const config = new pulumi.Config("berth");
  const system = await refusing(() => systemOf(systems, config.get("system"), stack));
  const { shape } = system;
  const isProd = config.get("environment") === "prod";
  const values = new Map<string, string>();
  const raw = new Map<string, RawSecret>();
  const secrets = new Map<SecretKey, pulumi.Output<string>>();
  const plain = new Map<SecretKey, string>();
  for (const [key, value] of Object.entries(pulumi.runtime.allConfig())) {
    const [namespace, name] = key.split(":", 2) as [string, string];
    if (namespace !== "berth") continue;
    if (Object.hasOwn(shape.secrets, name)) {
      const leaf = shape.secrets[name]!;
      const fault = faultOf(value, leaf) ?? (isProd ? weakness(value, leaf) : undefined);
      raw.set(key, { encrypted: isConfigSecret(key), fault });
      secrets.set(name, config.requireSecret(name));
      plain.set(name, value);
    } else values.set(key, value);
  }
  const sealed = new Set([...values.keys()].filter(isConfigSecret));
  const instead = process.env["BERTH_INSTEAD"];
  const { values: whole, notices } = await refusing(() => withInstead(values, shape.system, instead));
  const given = { stack, values: whole, secrets: raw, sealed, text: textHere(stack) };
  const { settings, problems } = parseConfig(given, shape);
  const all = [
    ...problems,
    ...foreignProblems(Object.keys(pulumi.runtime.allConfig()), stack),
    ...sharedProblems(projectKeys("."), stack),
  ];
  if (!settings || all.length) throw new pulumi.RunError(new ProblemsError(stack, all).message);
  await announce(
    stack,
    notices.map((notice) => ({ level: "warning", ...notice })),
  );
  const { caCertificates } = settings;
  const unknown = caCertificates === undefined ? [] : authorityProblems(caCertificates, stack, new Date());
  if (unknown.length) throw new pulumi.RunError(new ProblemsError(stack, unknown).message);
  const [certificate, key] = [plain.get("tlsCertificate"), plain.get("tlsKey")];
  if (certificate !== undefined && key !== undefined)
    await certified({ stack, certificate, key, publicUrl: settings.publicUrl, now: new Date() });
  const address = new pulumi.Config("docker").get("host");
  const engine = await engineAt(addressOf(address));
  const stray = engine?.context === "default" ? undefined : await strayContext(addressOf(address));
  if (stray !== undefined) throw new pulumi.RunError(new ProblemsError(stack, [twoEngines(stray, stack)]).message);
  return {
    system,
    stack,
    settings,
    shape,
    secrets,
    address,
    engine,
    host: await hostOf(stack, settings, address, engine),
    off: new Set([...settings.off, ...offHere()]),
    neighbours: neighboursOf(stack, address),
    publicPassphrase: settings.environment !== "dev" && (await hasPublicPassphrase(stack)),
  };
}

/** @throws {pulumi.RunError} where it is a certificate that nobody would take. */
async function certified(shown: Shown): Promise<void> {
  const problems = certificateProblems(shown);
  if (problems.length) throw new pulumi.RunError(new ProblemsError(shown.stack, problems).message);
  await announce(
    shown.stack,
    certificateNotices(shown).map((notice) => ({ level: "warning", ...notice })),
  );
}

/** The SDK hands every value over as text; a stack file that is elsewhere (`--config-file`) is not looked at. */
function textHere(stack: string): string | undefined {
  try {
    return stackText(stack, ".");
  } catch {
    return undefined;
  }
}

/** The SDK knows which keys were encrypted, but leaves the function out of its type declarations. */
const { isConfigSecret } = pulumi.runtime as unknown as { isConfigSecret: (key: string) => boolean };

/** The client is asked for what the provider cannot tell, such as the last words of a container. */
const twoEngines = (stray: string, stack: string): Problem => ({
  key: "docker:host",
  got: `unset: the docker client's context is ${stray}, while the docker provider goes to ${SOCKET}`,
  allowed: "one engine for both",
  fix: `${setCommand("docker:host", stray, stack)}   (or export DOCKER_HOST=${stray}, or docker context use default)`,
});

/** A limit beyond the machine would be refused by the engine only when the container of before is gone. */
async function hostOf(
  stack: string,
  settings: Settings,
  address: string | undefined,
  engine: Engine | undefined,
): Promise<Machine> {
  const here = address === undefined && remoteEngine() === undefined ? thisMachine() : undefined;
  const platform = (engine ?? here)?.platform ?? "linux/amd64";
  if (settings.host) return { cpus: settings.host.cpus, memory: mebibytes(settings.host.memory), platform };
  const machine = engine ?? here;
  if (machine) return machine;
  await announce(stack, [
    {
      level: "warning",
      key: "berth:host",
      got: "the engine does not say what its machine has",
      allowed: "its cores and memory, against which limits are checked before anything is touched",
      fix: `pulumi config set --path berth:host.cpus 4 --stack ${stack} && pulumi config set --path berth:host.memory 8GiB --stack ${stack}`,
    },
  ]);
  return { cpus: Infinity, memory: Infinity, platform };
}

/** Runs a check that throws what a person can mend, and shows it to the user without a stack trace. */
export async function refusing<T>(check: () => T | Promise<T>): Promise<T> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof ProblemsError || error instanceof Refusal) throw new pulumi.RunError(error.message);
    throw error;
  }
}

/** Shows what stops nothing. What merely informs is shown by a preview, and not repeated by the update. */
export async function announce(
  stack: string,
  notices: readonly (Problem & { readonly level: "warning" | "info" })[],
): Promise<void> {
  const [warnings = [], infos = []] = (["warning", "info"] as const).map((wanted) =>
    notices.filter(({ level }) => level === wanted),
  );
  if (warnings.length)
    await pulumi.log.warn(
      formatProblems(stack, warnings, `Stack "${stack}" goes ahead, but is not all that its environment should be.`),
    );
  if (infos.length && pulumi.runtime.isDryRun())
    await pulumi.log.info(
      formatProblems(stack, infos, `Stack "${stack}" could not run beside another on this engine.`),
    );
}
