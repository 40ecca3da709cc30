import { createHmac } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { SecretKey } from "../config/secrets.ts";
import { resourceName } from "../plan/names.ts";
import type { Plan } from "../plan/types.ts";

export interface SecretsArgs {
  readonly plan: Plan;
  /** What the stack file holds; wins over what would be generated. */
  readonly configured: ReadonlyMap<SecretKey, pulumi.Output<string>>;
  /** Raising a version makes a new generated secret. @default 1 */
  readonly versions: Readonly<Record<string, number>>;
}

const version = (key: SecretKey, { versions }: SecretsArgs): number => versions[key] ?? 1;

/** The secrets that the system needs: from the stack file, otherwise generated and kept in the state, encrypted. */
export class Secrets extends pulumi.ComponentResource {
  readonly #values = new Map<string, pulumi.Output<string>>();
  /** Of the stack alone, so that a version tells nobody anything. A new one only makes every version a new one. */
  readonly #versionKey: pulumi.Output<string>;

  constructor(name: string, args: SecretsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("berth:secrets:Secrets", name, {}, opts);
    const { system, stack } = args.plan;
    this.#versionKey = new random.RandomPassword(
      resourceName(system, stack, "version-key"),
      { length: 32, special: false },
      { parent: this },
    ).result;
    const versioned = new Set(args.plan.versionedSecrets);
    for (const key of args.plan.secretKeys) {
      const value = args.configured.get(key) ?? this.#generate(key, args, version(key, args));
      this.#values.set(key, value);
      if (versioned.has(key)) this.#values.set(`${key}|version`, this.version(`secret ${key}`, value));
      const { former } = args.plan.secretLeaves[key]!;
      if (former !== undefined) this.#values.set(`${key}|previous`, this.#former(key, former, args));
    }
    this.registerOutputs({});
  }

  /** @param key A secret's key, `key|version` or `key|previous`. */
  lookup(key: string): pulumi.Output<string> | undefined {
    return this.#values.get(key);
  }

  /**
   * Eight hexadecimal digits that change with a content and say nothing about it, so that they may be seen: a hash
   * under a key of the stack's own. A plain one of a short secret could be guessed.
   *
   * @param what Whose content it is: the same content elsewhere has another version.
   */
  version(what: string, content: pulumi.Output<string>): pulumi.Output<string> {
    const hash = (key: string, text: string) => createHmac("sha256", key).update(`${what}\0${text}`).digest("hex");
    return pulumi.unsecret(pulumi.all([this.#versionKey, content]).apply(([key, text]) => hash(key, text).slice(0, 8)));
  }

  /** Named by version, so that the one before can stay beside it. */
  #generate(key: SecretKey, { plan }: SecretsArgs, n: number): pulumi.Output<string> {
    const { generated: length, outlives = false } = plan.secretLeaves[key]!;
    if (length === undefined)
      throw new pulumi.RunError(
        `berth:${key} is needed: pulumi config set --secret berth:${key} --stack ${plan.stack}`,
      );
    return new random.RandomPassword(
      resourceName(plan.system, plan.stack, key, `v${n}`),
      { length, special: false },
      { parent: this, protect: outlives },
    ).result;
  }

  /** What may still be in use: the leaf for it, and what was generated before, or before the stack file had a value. */
  #former(key: SecretKey, leaf: SecretKey, args: SecretsArgs): pulumi.Output<string> {
    const n = version(key, args);
    const oldest = args.plan.secretLeaves[key]!.outlives ? 1 : Math.max(1, n - 1);
    const newest = args.configured.has(key) ? n : n - 1;
    const generated = Array.from({ length: Math.max(0, newest - oldest + 1) }, (_, i) => newest - i).map((older) =>
      this.#generate(key, args, older),
    );
    const given = args.configured.get(leaf);
    return pulumi.all([...(given ? [given] : []), ...generated]).apply((values) => values.join("\n"));
  }
}
