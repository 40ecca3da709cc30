import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { leafOf, type SecretKey } from "../config/schema.ts";
import { resourceName } from "../plan/names.ts";
import type { Plan } from "../plan/types.ts";

export interface SecretsArgs {
  readonly plan: Plan;
  /** What the stack file holds; wins over what would be generated. */
  readonly configured: ReadonlyMap<SecretKey, pulumi.Output<string>>;
  /** Raising a version makes a new generated secret. @default 1 */
  readonly versions: Readonly<Record<string, number>>;
}

/** The secrets that the system needs: from the stack file, otherwise generated and kept in the state, encrypted. */
export class Secrets extends pulumi.ComponentResource {
  readonly #values = new Map<string, pulumi.Output<string>>();

  constructor(name: string, args: SecretsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("berth:secrets:Secrets", name, {}, opts);
    const versioned = new Set(args.plan.versionedSecrets);
    for (const key of args.plan.secretKeys) {
      const value = args.configured.get(key) ?? this.#generate(key, args);
      this.#values.set(key, value);
      if (versioned.has(key)) this.#values.set(`${key}|version`, this.#version(key, value, args.plan));
    }
    this.registerOutputs({});
  }

  /** @param key A secret's key, or `key|version`. */
  lookup(key: string): pulumi.Output<string> | undefined { return this.#values.get(key); }

  #generate(key: SecretKey, { plan, versions }: SecretsArgs): pulumi.Output<string> {
    const length = leafOf(key).generated;
    if (length === undefined) throw new pulumi.RunError(`berth:${key} is needed: pulumi config set --secret berth:${key} --stack ${plan.stack}`);
    return new random.RandomPassword(resourceName(plan.system, plan.stack, key), {
      length, special: false, keepers: { version: String(versions[key] ?? 1) },
    }, { parent: this }).result;
  }

  /** Eight hexadecimal digits that change with the secret and say nothing about it. */
  #version(key: SecretKey, value: pulumi.Output<string>, plan: Plan): pulumi.Output<string> {
    return new random.RandomId(resourceName(plan.system, plan.stack, key, "version"), {
      byteLength: 4, keepers: { value: pulumi.secret(value) },
    }, { parent: this }).hex;
  }
}
