import assert from "node:assert/strict";
import { ProblemsError } from "../../../config/problems.ts";
import type { SecretKey } from "../../../config/secrets.ts";
import { makePlan } from "../../../plan/plan.ts";
import type { Context } from "../../../plan/types.ts";
import { systems } from "../../../systems/index.ts";
import { catalogue, context, problemsOf, service } from "../support.ts";

/** Problems of the assistant, as key, what was got, and what mends it. */
function assistant(values: Record<string, unknown>, secrets: SecretKey[] = [], more: Partial<Context> = {}): string[] {
  try {
    makePlan(systems.assistant.catalogue, context(values, { configured: new Set(secrets), ...more }));
    return [];
  } catch (error) {
    if (error instanceof ProblemsError) return error.problems.map(({ key, got, fix }) => `${key}: ${got} | ${fix}`);
    throw error;
  }
}
const UNREAD = "set, but nothing reads it";

describe("plan/checks/effect", () => {
  it("refuses secrets that nothing reads, with their versions, all at once", () => {
    const secrets = new Set<SecretKey>(["jwtSigningKey", "jwtPreviousKey", "llmApiKey", "tlsKey"]);
    const values = { "berth:secretVersions": { internalToken: 2, jwtSigningKey: 2 } };
    const keys = problemsOf([service("a", { secrets: { x: "@{jwtSigningKey}" } })], values, { configured: secrets });
    assert.deepEqual(
      keys.map(({ key, got }) => `${key}: ${got}`),
      ["jwtPreviousKey", "llmApiKey", "tlsKey", "secretVersions.internalToken"].map((key) => `berth:${key}: ${UNREAD}`),
    );
    assert.match(keys[1]!.allowed, /^unset: no file of tiny names it.*Key of an OpenAI-compatible LLM/);
  });
  it("takes a former secret where somebody asks for it", () => {
    const reader = service("a", { secrets: { x: "@{jwtSigningKey}\n@{jwtSigningKey|previous}" } });
    makePlan(catalogue([reader]), context({}, { configured: new Set<SecretKey>(["jwtPreviousKey"]) }));
    assert.deepEqual(assistant({}, ["jwtPreviousKey", "internalPreviousToken"]), []);
  });

  it("refuses a bucket's credentials without a bucket, and takes them with it", () => {
    const bucket: SecretKey[] = ["backupS3AccessKey", "backupS3SecretKey"];
    const refused = bucket.map((key) => `berth:${key}: ${UNREAD} | pulumi config rm berth:${key} --stack dev`);
    assert.deepEqual(assistant({ "berth:backup": {} }, bucket), refused);
    assert.deepEqual(assistant({ "berth:backup": { s3: { bucket: "berth-backups" } } }, bucket), []);
  });
  it("takes the keys of backups where none are made any more: they open those that there are", () => {
    const values = { "berth:secretVersions": { backupKey: 2 } };
    assert.deepEqual(assistant(values, ["backupKey", "backupPreviousKey"]), []);
  });
  it("takes secrets of what is switched off here: the same file serves machines that run it", () => {
    const off = new Set(["grafana", "alertmanager", "sms-router"]);
    const secrets: SecretKey[] = ["grafanaAdminPassword", "alertMail", "alertWebhookUrl", "alertHeartbeatUrl"];
    const sms: SecretKey[] = ["twilioAuthToken", "twilioUserNumbers"];
    const values = { "berth:secretVersions": { grafanaAdminPassword: 3 } };
    assert.deepEqual(assistant(values, [...secrets, ...sms], { off }), []);
  });

  it("warns of a machine with less memory than all services need to live, with what may be left out", () => {
    const notices = (memory: number) => {
      const more = { host: { cpus: 4, memory, platform: "linux/amd64" } };
      return makePlan(systems.assistant.catalogue, context({}, more)).notices.filter(({ got }) => /to live/.test(got));
    };
    const [notice, ...others] = notices(1024);
    assert.match(notice!.got, /^it has 1024 MiB, while all services together need at least \d{4} MiB to live$/);
    assert.match(notice!.fix, /^pulumi config set berth:off '\["alertmanager",.*"grafana"/);
    assert.deepEqual([others, notices(4096)], [[], []]);
  });
  it("warns of an edge that nobody reaches, and of a variable that names the container itself", () => {
    const notices = (values: Record<string, unknown>) =>
      makePlan(systems.assistant.catalogue, context(values)).notices.map(({ level, key }) => `${level} ${key}`);
    const LLM_URL = "berth:services.agent.environment.LLM_URL";
    const calls = (url: string) => ({
      "berth:ports": { edge: 8000 },
      "berth:services": { agent: { environment: { LLM_URL: url } } },
    });
    assert.deepEqual(notices({}), ["warning berth:ports.edge"]);
    assert.deepEqual(notices(calls("http://localhost:11434/v1")), [`warning ${LLM_URL}`]);
    assert.deepEqual(notices(calls("http://host.docker.internal:11434/v1")), []);
  });

  describe("a certificate", () => {
    const tls: SecretKey[] = ["tlsCertificate", "tlsKey"];
    it("is refused without a port of TLS, with the command that adds a free one", () => {
      for (const [ports, offset, port] of [
        [{ edge: 80 }, 0, 443],
        [{ edge: 8000 }, 0, 8443],
        [{ edge: 8000, prometheus: 8443 }, 100, 8444],
      ] as const)
        assert.deepEqual(assistant({ "berth:ports": ports, "berth:portOffset": offset }, tls), [
          `berth:ports.edge-tls: missing, while berth:tlsCertificate is set: every request would be sent to a port where nobody listens | pulumi config set --path berth:ports.edge-tls ${port} --stack dev`,
        ]);
    });
    it("is taken with it; the port alone is not, for want of the certificate only", () => {
      const values = { "berth:ports": { edge: 80, "edge-tls": 443 } };
      assert.deepEqual(assistant(values, tls), []);
      assert.deepEqual(
        assistant(values).map((line) => line.split(" | ")[0]),
        ["berth:tlsCertificate: missing", "berth:tlsKey: missing"],
      );
    });
    it("is refused beside an address without TLS, with the address that is meant", () => {
      const values = { "berth:ports": { edge: 80, "edge-tls": 443 }, "berth:publicUrl": "http://berth.example.org" };
      assert.deepEqual(assistant(values, tls), [
        "berth:publicUrl: http://berth.example.org, while the edge has a certificate and sends everybody on to https | pulumi config set berth:publicUrl https://berth.example.org --stack dev",
      ]);
      assert.deepEqual(assistant({ ...values, "berth:publicUrl": "https://berth.example.org" }, tls), []);
      assert.deepEqual(assistant({ "berth:publicUrl": "http://berth.example.org" }), []);
    });
  });
});

describe("plan/checks/names", () => {
  for (const [key, value, got, fix] of [
    ["services", { agnet: {} }, '"agnet" is not known; did you mean agent?', "rm --path berth:services.agnet"],
    [
      "ports",
      { promethus: 1 },
      '"promethus" is not known; did you mean prometheus?',
      "rm --path berth:ports.promethus",
    ],
    ["off", ["grafna", "loki"], '"grafna" is not known; did you mean grafana?', `set berth:off '["grafana","loki"]'`],
    [
      "images",
      { egde: `sha256:${"0".repeat(64)}` },
      '"egde" is not known; did you mean edge?',
      "rm --path berth:images.egde",
    ],
    [
      "baseImages",
      { pyhton: "python:3.11" },
      '"pyhton" is not known; did you mean python?',
      "rm --path berth:baseImages.pyhton",
    ],
    [
      "secretVersions",
      { postgresPasword: 2 },
      '"postgresPasword" is not known; did you mean postgresPassword?',
      "rm --path berth:secretVersions.postgresPasword",
    ],
  ] as const)
    it(`refuses a name in berth:${key} that is not there, with the nearest`, () =>
      assert.deepEqual(assistant({ [`berth:${key}`]: value }), [
        `berth:${key}: ${got} | pulumi config ${fix} --stack dev`,
      ]));

  const stack = (name: string, service_ = service("a")) =>
    problemsOf([service_], {}, { stack: name }).map(({ key, got, allowed, fix }) => [key, got, allowed, fix]);
  for (const [name, meant] of [
    ["QA", "qa"],
    ["my_stack", "my-stack"],
    ["v1.2", "v1-2"],
    ["-x-", "x"],
  ] as const)
    it(`refuses a stack called ${name}`, () =>
      assert.deepEqual(stack(name), [
        [
          "stack",
          `the name "${name}"`,
          "lower case letters, digits and hyphens; a hyphen neither first nor last",
          `pulumi stack rename ${meant} --stack ${name}`,
        ],
      ]));
  it("refuses a stack whose name makes others too long for DNS, and takes the longest that does not", () => {
    // tiny-…-a-1-0123456
    const longest = "x".repeat(63 - "tiny--a-1-0123456".length);
    assert.ok(makePlan(catalogue([service("a")]), context({}, { stack: longest })));
    const [[key, got, allowed, fix] = []] = stack(`${longest}yz`);
    assert.equal(key, "stack");
    assert.match(got!, /^a name of 48 characters: tiny-x+yz-a-1-0123456 is one of 65$/);
    assert.match(allowed!, /^at most 46: no name in DNS has more than 63$/);
    assert.equal(fix, `pulumi stack rename ${longest} --stack ${longest}yz`);
  });
  it("refuses a stack whose containers would be called as those of another on the same engine", () => {
    const twin = { runs: false, ports: new Set<number>() };
    const named = (name: string, other: string, system?: string) =>
      makePlan(
        catalogue([service("a")]),
        context({}, { stack: name, neighbours: [{ ...twin, stack: other, system }] }),
      );
    for (const [name, other] of [
      ["tiny-dev", "dev"],
      ["dev", "tiny-dev"],
    ] as const)
      assert.throws(() => named(name, other), new RegExp(`those of stack ${other}`));
    assert.ok(named("tiny-dev", "dev", "assistant"), "of another system");
    assert.ok(named("tiny-dev", "stage"));
  });
  it("counts the number of the last replica, and no suffix where the name is fixed", () => {
    const name = "x".repeat(63 - "tiny--db".length);
    assert.ok(makePlan(catalogue([service("db", { kind: "stateful" })]), context({}, { stack: name })));
    assert.equal(stack(name, service("db", { kind: "job" })).length, 1);
  });
});
