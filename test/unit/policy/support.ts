/** Resources that keep to every rule; a spec changes what its rule is about. */
import assert from "node:assert/strict";
import type { Exemption } from "../../../policy/exemptions.ts";
import { judge } from "../../../policy/judge.ts";
import type { Container, Image, Resource, Rule, Volume } from "../../../policy/rule.ts";

export const TODAY = "2026-06-30";
const DIGEST = `sha256:${"0".repeat(64)}`;

const resource = (kind: string, props: object, protect = false, ignoreChanges: string[] = []): Resource => ({
  type: `docker:index/${kind.toLowerCase()}:${kind}`,
  urn: `urn:pulumi:dev::berth::docker:index::${kind}::one`,
  props,
  protect,
  ignoreChanges,
});

export const labels = (changed: Record<string, string> = {}): { label: string; value: string }[] =>
  Object.entries({
    "berth.environment": "dev",
    "berth.service": "api",
    "berth.stack": "dev",
    "berth.system": "assistant",
    ...changed,
  }).map(([label, value]) => ({ label, value }));

export const container = (changed: Partial<Container> = {}): Resource =>
  resource("Container", {
    image: DIGEST,
    labels: labels(),
    user: "1000:0",
    envs: [],
    readOnly: true,
    capabilities: { drops: ["ALL"], adds: [] },
    securityOpts: ["no-new-privileges:true"],
    memory: 64,
    memorySwap: 64,
    cpus: "0.5",
    restart: "always",
    logDriver: "json-file",
    logOpts: { "max-size": "10m", "max-file": "5" },
    healthcheck: { tests: ["CMD", "true"] },
    ...changed,
  } satisfies Container);
/** One that only carries files. */
export const seed = (changed: Partial<Container> = {}): Resource => container({ start: false, ...changed });
export const network = (changed: object = {}): Resource => resource("Network", { labels: labels(), ...changed });
export const volume = (changed: Partial<Volume> = {}, protect = false, ignoreChanges: string[] = []): Resource =>
  resource("Volume", { labels: labels(), ...changed }, protect, ignoreChanges);
export const image = (args: Record<string, string>): Resource =>
  resource("Image", { imageName: "localhost/berth/api:dev", build: { args } } satisfies Image);

export const judged = (rule: Rule, of: Resource, exemptions: readonly Exemption[] = []): readonly string[] =>
  judge(rule, of, exemptions, TODAY);
export const passes = (rule: Rule, of: Resource): void => assert.deepEqual(judged(rule, of), []);

/** @param words Must all stand in the text, which says what was got, what is allowed and what to change. */
export function fails(rule: Rule, of: Resource, ...words: string[]): void {
  const found = judged(rule, of);
  assert.notEqual(found.length, 0, `${rule.name} found nothing`);
  for (const text of found) assert.match(text, /^[^\n]+: [^\n]+\n {2}allowed: [^\n]+\n {2}fix: {5}[^\n]+$/);
  for (const word of words)
    assert.ok(
      found.some((text) => text.includes(word)),
      `"${word}" is missing in:\n${found.join("\n")}`,
    );
}
