/** A whole release comes back: image, environment, files, secret, limit and routes, under load, without a registry. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { underLoad } from "../load/load.ts";
import { Client } from "./client.ts";
import { command, docker, eventually, Project } from "./support.ts";

const STACK = "e2e-rollback";
const OFFSET = 18500;
const EDGE = `http://127.0.0.1:${8000 + OFFSET}`;
const SOURCE = "services/assistant/src/personal_assistant/__init__.py";
const SERVICES = ["api", "agent", "worker", "sms-router", "migrate", "edge-routes"];

interface Inspected {
  readonly Image: string;
  readonly Name: string;
  readonly Config: { readonly Env: readonly string[]; readonly Cmd: readonly string[] };
  readonly HostConfig: { readonly Memory: number; readonly NanoCpus: number };
  readonly Mounts: readonly { readonly Destination: string; readonly RW: boolean }[];
}

describe("a rollback", function () {
  this.timeout(900_000);
  const project = new Project({
    stack: STACK,
    portOffset: OFFSET,
    config: {
      "berth:imageTarget": "runtime",
      "berth:sourceMounts": false,
      "berth:debug": false,
      "berth:settle": 2,
      "berth:services": { api: { environment: { RATE_LIMIT_PER_MINUTE: 0, NOTE: "first" } } },
    },
  });
  const image = (kind: string, n: number) => `berth-release/assistant/${STACK}/${kind}:${n}`;
  const exists = async (name: string) => (await command("docker", ["image", "inspect", name])).code === 0;
  const release = (task: string) =>
    command("node", ["bin/release.ts", task, STACK], { cwd: project.dir, env: { PULUMI_CONFIG_PASSPHRASE: "e2e" } });

  /** What runs, but for what every container has of its own: made-up ends of names, and the database role's version. */
  const plain = (text: string) =>
    text
      .replace(/-[0-9a-f]{7}\b/g, "")
      .replace(/app_[0-9a-f]{8}/g, "app")
      .replace(/release [0-9a-f]+/g, "release");
  async function running(): Promise<Record<string, unknown>> {
    const services = SERVICES.map(async (service) => {
      const names = await project.running(service);
      const containers = JSON.parse(await docker("inspect", ...names)) as Inspected[];
      return [
        service,
        await Promise.all(
          containers.map(async ({ Image, Name, Config, HostConfig, Mounts }) => {
            const folders = Mounts.filter((mount) => !mount.RW)
              .map((mount) => mount.Destination)
              .sort();
            const files = folders.length
              ? await docker(
                  "exec",
                  Name.slice(1),
                  "sh",
                  "-c",
                  `for f in $(find ${folders.join(" ")} -type f | sort); do echo "$f"; cat "$f"; done`,
                )
              : "";
            return {
              image: Image,
              environment: [...Config.Env].sort(),
              command: Config.Cmd,
              memory: HostConfig.Memory,
              cpus: HostConfig.NanoCpus,
              files: createHash("sha256").update(plain(files)).digest("hex"),
            };
          }),
        ),
      ];
    });
    return Object.fromEntries(await Promise.all(services)) as Record<string, unknown>;
  }
  const stackFile = () => readFileSync(join(project.dir, `Pulumi.${STACK}.yaml`), "utf8");

  let first: Record<string, unknown>, second: Record<string, unknown>, firstFile: string, secondImage: string;

  before(async () => {
    await command(
      "sh",
      ["-c", "git init -q && git add -A && git -c user.name=e2e -c user.email=e2e@example.org commit -qm first"],
      { cwd: project.dir },
    );
    await project.pulumi("stack", "select", STACK, "--create");
    await project.setSecret("postgresPassword", "the-first-password-0123456789");
    firstFile = stackFile();
    const { code, output } = await project.script("up", STACK);
    assert.equal(code, 0, output);
    first = await running();
  });
  after(() => project.remove());

  it("has something to come back to: everything changes with the second release", async () => {
    project.edit(SOURCE, (text) => `${text}\nRELEASE = "second"\n`);
    project.edit("edge/nginx.conf", (text) => text.replace("client_max_body_size 10m", "client_max_body_size 9m"));
    project.edit("systems/assistant.ts", (text) =>
      text.replace(
        'route: { public: "/sms", check: "/sms" }',
        'route: { public: "/sms", check: "/sms", readTimeout: 45 }',
      ),
    );
    await project.setSecret("postgresPassword", "the-second-password-0123456789");
    project.configure({
      "berth:services": { api: { environment: { RATE_LIMIT_PER_MINUTE: 0, NOTE: "second" }, memory: "640MiB" } },
    });
    const { code, output } = await project.script("up", STACK);
    assert.equal(code, 0, output);
    second = await running();
    secondImage = await docker("image", "inspect", "--format", "{{.Id}}", image("assistant", 2));
    // Negative control: the comparison sees every service that changed, and the routes.
    for (const service of SERVICES) assert.notDeepEqual(second[service], first[service], service);
    const { output: list } = await project.script("releases", STACK);
    assert.match(list, /\* 2 {2}.* UTC {2}\w+ {2}[0-9a-f]{7,}\+/);
    for (const part of [
      "berth:postgresPassword",
      "berth:services",
      "edge/nginx.conf",
      SOURCE,
      "systems/assistant.ts",
      "image assistant",
    ])
      assert.ok(list.includes(part), `${part}:\n${list}`);
    assert.doesNotMatch(list, /-password-/);
  });

  it("restores all of it under load, and no request fails", async () => {
    const { token } = await new Client(EDGE).enter("back@example.org");
    const began = Date.now();
    let output = "";
    const { sent, ok, slowSent, slowOk, failures } = await underLoad(
      { url: EDGE, token, kept: 30, fresh: 10, slow: 5 },
      async () => {
        const result = await project.script("rollback", STACK);
        assert.equal(result.code, 0, result.output);
        output = result.output;
      },
    );
    console.log(
      `    ${Math.round((Date.now() - began) / 1000)} s, ${sent} requests and ${slowSent} slow ones, failed: ${sent - ok + slowSent - slowOk}`,
    );
    assert.deepEqual(failures, {});
    assert.ok(sent > 500 && sent === ok && slowSent === slowOk);
    assert.deepEqual(await running(), first);
    assert.equal(stackFile(), firstFile);
    assert.match(output, /runs release 1 .*[\s\S]*It differs in:[\s\S]*edge\/nginx\.conf/);
    assert.match((await project.script("releases", STACK)).output, /^\* 1 /m);
  });

  it("keeps the images of what is kept, and forgets the sixth", async () => {
    await docker("image", "prune", "--force", "--filter", "label=org.opencontainers.image.title=berth assistant");
    assert.ok((await exists(image("assistant", 1))) && (await exists(image("assistant", 2))));
    project.edit(SOURCE, (text) => text.replace('"second"', '"third"'));
    const firstImage = await docker("image", "inspect", "--format", "{{.Id}}", image("assistant", 1));
    const { code, output } = await project.script("up", STACK);
    assert.equal(code, 0, output);
    for (let n = 4; n <= 6; n += 1) {
      writeFileSync(join(project.dir, "NOTES"), String(n));
      for (const task of ["take", "keep"]) assert.equal((await release(task)).code, 0);
    }
    assert.deepEqual(
      readdirSync(join(project.dir, ".state/releases", STACK))
        .filter((name) => /^\d+$/.test(name))
        .sort(),
      ["2", "3", "4", "5", "6"],
    );
    assert.ok(!(await exists(firstImage)), "the image of the sixth is still there");
    for (let n = 2; n <= 6; n += 1) assert.ok(await exists(image("assistant", n)), String(n));
  });

  it("an up that changes nothing is no release", async () => {
    for (const task of ["take", "keep"]) assert.equal((await release(task)).code, 0);
    assert.match((await project.script("releases", STACK)).output, /^\* 6 /m);
  });

  it("refuses what it cannot bring back, and touches nothing (negative control)", async () => {
    await docker("image", "rm", image("assistant", 2));
    assert.ok(!(await exists(secondImage)));
    const before = await project.containers();
    for (const [number, why] of [
      ["2", /release 2 cannot come back: its image assistant \(sha256:[0-9a-f]{64}\) is no longer on the engine/],
      ["1", /release 1 .* is not kept\. Kept: 6, 5, 4, 3, 2/],
    ] as const) {
      const { code, output } = await project.script("rollback", STACK, number);
      assert.notEqual(code, 0);
      assert.match(output, why);
      assert.doesNotMatch(output, /\bat .*\.ts:\d+/);
    }
    assert.deepEqual(await project.containers(), before);
    await eventually(async () => assert.equal((await new Client(EDGE).get("/ready")).status, 200));
  });
});
