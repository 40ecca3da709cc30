/** The policy pack's rules, against everything that the program declares. */
import assert from "node:assert/strict";
import { otherStacks } from "../../config/checkout.ts";
import { exemptions } from "../../policy/exemptions.ts";
import { judge } from "../../policy/judge.ts";
import type { Resource } from "../../policy/rule.ts";
import { rules } from "../../policy/rules/index.ts";
import {
  CONTAINER,
  find,
  labelsOf,
  NETWORK,
  ofType,
  type Recorded,
  reveal,
  type Run,
  runProgram,
  VOLUME,
} from "./support.ts";

/** Within the life of every exemption: these tests are about the plan, and must not fail by the calendar. */
const TODAY = exemptions.map(({ until }) => until).sort()[0]!;
const IMAGE = "docker:index/image:Image";

const asSeen = ({ type, urn, protect, ignoreChanges, inputs }: Recorded): Resource => ({
  type,
  urn,
  protect,
  ignoreChanges,
  props: Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, reveal(value)])),
});
const problems = (resources: readonly Recorded[], allowed = exemptions): string[] =>
  resources.flatMap((resource) =>
    rules.flatMap((rule) =>
      judge(rule, asSeen(resource), allowed, TODAY).map((text) => `${resource.name}: ${rule.name}: ${text}`),
    ),
  );

/** Rule → what to break: a resource of prod, and what is laid over its inputs. */
const BROKEN: Readonly<
  Record<string, readonly [type: string, name: string, inputs: Record<string, unknown>, protect?: boolean]>
> = {
  "bind-mounts": [
    CONTAINER,
    "api-1",
    { volumes: [{ hostPath: "/home/ann/berth/services/assistant/src", containerPath: "/app/src" }] },
  ],
  capabilities: [CONTAINER, "redis", { capabilities: { adds: ["CAP_NET_ADMIN"], drops: ["ALL"] } }],
  "dev-settings": [CONTAINER, "worker-1", { envs: ["RELOAD=true"] }],
  "engine-access": [
    CONTAINER,
    "grafana",
    { volumes: [{ hostPath: "/var/run/docker.sock", containerPath: "/var/run/docker.sock" }] },
  ],
  "environment-secrets": [CONTAINER, "agent-1", { envs: ["LLM_API_KEY=sk-0123456789"] }],
  "health-check": [CONTAINER, "migrate", { healthcheck: undefined }],
  "host-namespaces": [CONTAINER, "prometheus", { networkMode: "host" }],
  labels: [NETWORK, "data", { labels: [] }],
  limits: [CONTAINER, "loki", { memory: undefined, memorySwap: undefined }],
  "log-cap": [CONTAINER, "api-files-seed", { logOpts: {} }],
  "no-new-privileges": [CONTAINER, "edge", { securityOpts: [] }],
  "non-root": [CONTAINER, "postgres", { user: "root" }],
  "pinned-image": [IMAGE, "assistant", { build: { args: { PYTHON_IMAGE: "python:latest" } } }],
  privileged: [CONTAINER, "node-exporter-1", { privileged: true }],
  "protected-data": [VOLUME, "postgres-data", {}, false],
  "published-ports": [CONTAINER, "postgres", { ports: [{ internal: 5432, external: 5432, ip: "0.0.0.0" }] }],
  "read-only-root": [CONTAINER, "jaeger", { readOnly: false }],
  restart: [CONTAINER, "edge-routes", { restart: "no" }],
};

/** Of every system. */
const STACKS = otherStacks("").map(({ stack }) => stack);

describe("the policy pack", function () {
  this.timeout(60_000);
  const runs = new Map<string, Run>();
  before(async () => {
    for (const stack of STACKS) runs.set(stack, await runProgram({ stack }));
  });

  for (const stack of STACKS)
    it(`finds nothing wrong with the whole of ${stack}`, () => {
      const { resources } = runs.get(stack)!;
      for (const { service } of exemptions)
        assert.ok(resources.some((one) => one.type === CONTAINER && labelsOf(one)["berth.service"] === service));
      assert.ok(ofType(runs.get(stack)!, IMAGE).length > 0);
      assert.deepEqual(problems(resources), []);
    });

  for (const exemption of exemptions)
    it(`needs the exemption of ${exemption.service} from ${exemption.rule}`, () => {
      const left = problems(
        runs.get("prod")!.resources,
        exemptions.filter((other) => other !== exemption),
      );
      assert.ok(
        left.some((text) => text.includes(`-${exemption.service}`) && text.includes(` ${exemption.rule}: `)),
        "nothing is broken without it: delete it",
      );
    });

  it("has something broken for each rule", () =>
    assert.deepEqual(Object.keys(BROKEN).sort(), rules.map(({ name }) => name).sort()));
  for (const [rule, [type, name, inputs, protect]] of Object.entries(BROKEN))
    it(`finds what breaks ${rule}`, () => {
      const whole = find(runs.get("prod")!, type, `assistant-prod-${name}`);
      const found = problems([{ ...whole, inputs: { ...whole.inputs, ...inputs }, protect: protect ?? whole.protect }]);
      assert.ok(
        found.some((text) => text.startsWith(`assistant-prod-${name}: ${rule}: `)),
        found.join("\n") || "it found nothing",
      );
    });
});
