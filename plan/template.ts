/** Text with values that are known only at deployment (see `Template`). */
import { createHash } from "node:crypto";
import type { SecretKey, SecretLeaves } from "../config/secrets.ts";
import { filesOf } from "./files.ts";
import type { ServiceSpec } from "./types.ts";

/** Not the usual double braces: Prometheus, Grafana and Alertmanager use those themselves. */
const PLACEHOLDER = /@\{([\w:-]+)(?:\|(\w+))?\}/g;

export interface Reference {
  readonly name: string;
  readonly filter?: string;
}

/** The values that a template asks for. */
export function references(template: string): Reference[] {
  return [...template.matchAll(PLACEHOLDER)].map(([, name, filter]) =>
    filter ? { name: name!, filter } : { name: name! },
  );
}

/** Every text of a service that may ask for values. */
export const templatesOf = (service: Pick<ServiceSpec, "secrets" | "config">): string[] =>
  Object.values(filesOf(service));

/** The secrets among the values that are asked for. @param leaves Those that there are. */
export function secretsIn(asked: readonly Reference[], leaves: SecretLeaves): SecretKey[] {
  const names = new Set(asked.map((reference) => reference.name));
  return Object.keys(leaves).filter((key) => names.has(key));
}

/** Services whose files name the login that a secret's version stands for, but for what drops the former ones. */
export const consumersOf = (
  services: readonly Pick<ServiceSpec, "name" | "prunes" | "secrets" | "config">[],
  secret: SecretKey,
): string[] =>
  services
    .filter(({ prunes }) => prunes !== secret)
    .filter((service) =>
      templatesOf(service)
        .flatMap(references)
        .some(({ name, filter }) => name === secret && filter === "version"),
    )
    .map(({ name }) => name);

/** Key of a value: `name`, or `name|version` and `name|previous` where the value is not the secret itself. */
export const valueKey = ({ name, filter }: Reference): string =>
  filter === "version" || filter === "previous" ? `${name}|${filter}` : name;

/** @throws {Error} when a value or a filter is missing: a half-filled secret must never reach a container. */
export function render(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(PLACEHOLDER, (_, name: string, filter?: string) => {
    const value = values[valueKey(filter ? { name, filter } : { name })];
    if (value === undefined) throw new Error(`template: no value for ${name}`);
    switch (filter) {
      case undefined:
      case "version":
      case "previous":
        return value;
      case "uri":
        return encodeURIComponent(value);
      case "sha256":
        return createHash("sha256").update(value).digest("hex");
      case "json":
        return JSON.stringify(value);
      default:
        throw new Error(`template: no filter ${filter}`);
    }
  });
}
