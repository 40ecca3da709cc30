import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Exemption, exemptions } from "../../../policy/exemptions.ts";
import { nonRoot } from "../../../policy/rules/non-root.ts";
import { rules } from "../../../policy/rules/index.ts";
import { container, fails, image, judged, network, passes, seed, TODAY, volume } from "./support.ts";

const root = container({ user: "0:0" });
const exempt = (changed: Partial<Exemption> = {}): Exemption => ({
  service: "api",
  rule: "non-root",
  reason: "reads files of root",
  until: TODAY,
  ...changed,
});

describe("policy", () => {
  const files = (folder: string, end: string) =>
    readdirSync(join(import.meta.dirname, folder))
      .filter((file) => file.endsWith(end))
      .map((file) => file.slice(0, -end.length));

  it("has one rule per file, in the list, each with a spec and in the guide", () => {
    const names = rules.map((rule) => rule.name);
    assert.deepEqual(
      names,
      files("../../../policy/rules", ".ts")
        .filter((name) => name !== "index")
        .sort(),
    );
    assert.deepEqual(
      names.filter((name) => !files(".", ".test.ts").includes(name)),
      [],
    );
    const guide = readFileSync(join(import.meta.dirname, "../../../docs/policy.md"), "utf8");
    assert.deepEqual(
      names.filter((name) => !guide.includes(`\`${name}\``)),
      [],
    );
  });
  it("passes what keeps to every rule", () => {
    for (const rule of rules)
      for (const one of [container(), seed(), network(), volume(), image({})]) passes(rule, one);
  });
  it("says nothing of other resources", () => {
    for (const rule of rules) passes(rule, { ...container(), type: "random:index/randomId:RandomId", props: {} });
  });
});

describe("policy/exemptions", () => {
  it("name a rule, once, and have a reason and a last day", () => {
    for (const { rule, reason, until } of exemptions) {
      assert.ok(
        rules.some(({ name }) => name === rule),
        rule,
      );
      assert.ok(reason.length > 20, reason);
      assert.equal(new Date(until).toISOString().slice(0, 10), until);
    }
    assert.equal(new Set(exemptions.map(({ service, rule }) => `${service} ${rule}`)).size, exemptions.length);
  });
  it("count for their service and rule only", () => {
    fails(nonRoot, root);
    assert.deepEqual(judged(nonRoot, root, [exempt()]), []);
    assert.equal(judged(nonRoot, root, [exempt({ service: "agent" }), exempt({ rule: "limits" })]).length, 1);
  });
  it("end, and say so with what to do", () => {
    const [text] = judged(nonRoot, root, [exempt({ until: "2026-06-29" })]);
    assert.match(text!, /may run as root/);
    assert.match(text!, /only until 2026-06-29 \(reads files of root\)[\s\S]*policy\/exemptions\.ts/);
  });
  it("that have ended matter to nobody who keeps to the rule", () =>
    assert.deepEqual(judged(nonRoot, container(), [exempt({ until: "2026-06-29" })]), []));
});
