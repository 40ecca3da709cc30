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

  constructor(name: string, args: SecretsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("berth:secrets:Secrets", name, {}, opts);
    const versioned = new Set(args.plan.versionedSecrets);
    for (const key of args.plan.secretKeys) {
      const value = args.configured.get(key) ?? this.#generate(key, args, version(key, args));
      this.#values.set(key, value);
      if (versioned.has(key)) this.#values.set(`${key}|version`, this.#version(key, value, args.plan));
      const { former } = args.plan.secretLeaves[key]!;
      if (former !== undefined) this.#values.set(`${key}|previous`, this.#former(key, former, args));
    }
    this.registerOutputs({});
  }

  /** @param key A secret's key, `key|version` or `key|previous`. */
  lookup(key: string): pulumi.Output<string> | undefined {
    return this.#values.get(key);
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

  /** Eight hexadecimal digits that change with the secret and say nothing about it. */
  #version(key: SecretKey, value: pulumi.Output<string>, plan: Plan): pulumi.Output<string> {
    return new random.RandomId(
      resourceName(plan.system, plan.stack, key, "version"),
      { byteLength: 4, keepers: { value: pulumi.secret(value) } },
      { parent: this },
    ).hex;
  }
}
