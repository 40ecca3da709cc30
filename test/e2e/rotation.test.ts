/** Credentials change under load, and no request fails (operations.md 5, second half; what can be seen of secrets: canary.test.ts). */
import assert from "node:assert/strict";
import { createHmac, randomInt } from "node:crypto";
import { connect, getCACertificates, setDefaultCACertificates } from "node:tls";
import { Authority } from "./authority.ts";
import { Client } from "./client.ts";
import { killedAfter } from "./kill.ts";
import { good, Serving } from "./serving.ts";
import { command, docker, eventually, sleep, SMS } from "./support.ts";

const STACK = "e2e-rotation";
const OFFSET = 22500;

const authority = await new Authority().open();
const serving = new Serving({ stack: STACK, portOffset: OFFSET }, authority.certificate);
const { project } = serving;

/** Name on the certificate that the edge shows. */
const shown = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port: 8443 + OFFSET, ca: authority.certificate }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.end();
    });
    socket.once("error", reject);
  });
const setCertificate = async ({ key, certificate }: { key: string; certificate: string }): Promise<void> => {
  await project.setSecret("tlsCertificate", certificate);
  await project.setSecret("tlsKey", key);
};
/** Service → names of its containers. */
async function running(): Promise<Record<string, readonly string[]>> {
  const services = Object.keys(await project.output<Record<string, string[]>>("containers"));
  return Object.fromEntries(
    await Promise.all(services.map(async (service) => [service, await project.running(service)] as const)),
  );
}
const changed = (before: Record<string, unknown>, after: Record<string, unknown>): string[] =>
  Object.keys(before)
    .filter((service) => JSON.stringify(before[service]) !== JSON.stringify(after[service]))
    .sort();

/** What the containers of a service log in with, read from the file they read. */
const urlOf = async (file: "database-url" | "redis-url"): Promise<URL> =>
  new URL((await docker("exec", (await project.running("api"))[0]!, "cat", `/run/secrets/${file}`)).trim());
/** Logs in as the applications do; true if the server lets it. */
async function postgresLets({ username, password }: URL): Promise<boolean> {
  const { code } = await command("docker", [
    "exec",
    "-e",
    `PGPASSWORD=${decodeURIComponent(password)}`,
    `assistant-${STACK}-postgres`,
    "psql",
    "-qX",
    "-h",
    "127.0.0.1",
    "-U",
    username,
    "-d",
    "pa_dev",
    "-c",
    "SELECT 1",
  ]);
  return code === 0;
}
const redisLets = async ({ username, password }: URL): Promise<boolean> =>
  (await docker(
    "exec",
    `assistant-${STACK}-redis`,
    "redis-cli",
    "--no-auth-warning",
    "--user",
    username,
    "--pass",
    decodeURIComponent(password),
    "ping",
  )) === "PONG";

/** Every application that serves can log in, by its own word. */
const everyConsumerWorks = (): Promise<void> =>
  eventually(async () => {
    for (const [service, port] of [
      ["api", 8000],
      ["agent", 8001],
      ["worker", 8002],
      ["sms-router", 8003],
    ] as const)
      for (const name of await project.running(service))
        if ((await docker("inspect", "--format", "{{with .State.Health}}{{.Status}}{{end}}", name)) === "healthy")
          await docker("exec", name, "curl", "-fsS", "-m", "5", `http://127.0.0.1:${port}/ready?scope=data`);
  }, 15);

describe("rotation under load", function () {
  this.timeout(1_200_000);
  const CONSUMERS = ["agent", "api", "edge-routes", "migrate", "sms-router", "worker"];

  before(async () => {
    setDefaultCACertificates([...getCACertificates("default"), authority.certificate]);
    project.configure({ "berth:ports": { ...(project.config["berth:ports"] as object), "edge-tls": 8443 } });
    await project.pulumi("stack", "select", STACK, "--create");
    await setCertificate(await authority.issue("first"));
    await project.setSecret("postgresPassword", "the-first-postgres-password");
    await project.setSecret("twilioAuthToken", SMS.token);
    await project.setSecret("twilioUserNumbers", JSON.stringify(SMS.numbers));
    await serving.start();
  });
  after(async () => {
    await project.remove();
    authority.close();
  });

  for (const [store, key, file, lets, jobs] of [
    ["PostgreSQL", "postgresPassword", "database-url", postgresLets, ["postgres-prune", "postgres-roles"]],
    ["Redis", "redisPassword", "redis-url", redisLets, ["redis-prune", "redis-users"]],
  ] as const)
    it(`promise 5: a new ${store} password (${key === "redisPassword" ? "generated: bin/rotate" : "pulumi config set"}) fails no request, replaces its consumers only, and the former one is refused`, async () => {
      const former = await urlOf(file);
      assert.ok(await lets(former), "the password that is in use is refused");
      const before = await running();
      await serving.assertLossless(
        await serving.underLoad(async () => {
          if (key === "redisPassword") await good(project.script("rotate", key, STACK));
          else await project.setSecret(key, "the-second-postgres-password");
          await good(project.up());
        }),
      );
      assert.deepEqual(changed(before, await running()), [...CONSUMERS, ...jobs].sort());
      const current = await urlOf(file);
      assert.notEqual(current.password, former.password);
      assert.ok(await lets(current));
      await eventually(async () => assert.ok(!(await lets(former)), "the former password still works"), 150);
      await everyConsumerWorks();
    });

  it("promise 5: a new JWT key: tokens signed before stay good for their lifetime and no longer, forged ones are refused", async () => {
    const before = await running();
    const key = (await docker("exec", before["api"]![0]!, "cat", "/run/secrets/jwt-keys")).split("\n")[0]!;
    const [header, payload] = serving.client.token.split(".") as [string, string];
    const signed = (by: string, seconds: number): string => {
      const claims = {
        ...(JSON.parse(Buffer.from(payload, "base64url").toString()) as object),
        exp: Math.floor(Date.now() / 1000) + seconds,
      };
      const text = `${header}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
      return `${text}.${createHmac("sha256", by).update(text).digest("base64url")}`;
    };
    const status = async (token: string): Promise<number> => {
      const client = new Client(serving.edge);
      client.token = token;
      return (await client.get("/v1/tasks")).status;
    };
    await serving.assertLossless(
      await serving.underLoad(async () => {
        await good(project.script("rotate", "jwtSigningKey", STACK));
        await good(project.up());
      }),
    );
    assert.deepEqual(changed(before, await running()), ["api", "edge-routes"]);
    const short = signed(key, 5);
    assert.equal(await status(serving.client.token), 200, "signed before the rotation");
    assert.equal(await status(short), 200, "signed with the former key");
    assert.equal(await status(signed("a key that nobody ever had in here", 60)), 401);
    await sleep(6000);
    assert.equal(await status(short), 401, "its lifetime is over");
    serving.client = await new Client(serving.edge).enter("load@example.org");
    assert.equal(await status(serving.client.token), 200, "signed after the rotation");
  });

  it("promise 5: a new Twilio token: signatures with it are taken, with the former one refused", async () => {
    const before = await running();
    await new Client(serving.edge).enter("ann@example.org");
    assert.equal((await serving.client.sms("+15550000001", "note before")).status, 200);
    const token = `another-${"0123456789abcdef".repeat(2)}`;
    await serving.assertLossless(
      await serving.underLoad(async () => {
        await project.setSecret("twilioAuthToken", token);
        await good(project.up());
      }),
    );
    assert.deepEqual(changed(before, await running()), ["edge-routes", "sms-router"]);
    assert.equal((await serving.client.sms("+15550000001", "note with the former token")).status, 403);
    assert.equal((await serving.client.sms("+15550000001", "note with the new one", { token })).status, 200);
  });

  it("promise 2: a new certificate is shown without replacing the edge, and no connection is cut", async () => {
    const edge = await project.containers("edge");
    assert.equal(await shown(), "first");
    await serving.assertLossless(
      await serving.underLoad(async () => {
        await setCertificate(await authority.issue("second"));
        await good(project.up());
      }),
    );
    assert.equal(await shown(), "second");
    assert.deepEqual(
      [...(await project.containers("edge"))].filter(([name]) => !name.includes("-seed-")),
      [...edge].filter(([name]) => !name.includes("-seed-")),
    );
  });

  it("promise 2: a key that does not belong to its certificate is refused before the reload, twice; the site stays up", async () => {
    const { key } = await authority.issue("third");
    const former = project.config["berth:tlsKey"];
    await serving.failsClosed(() => project.setSecret("tlsKey", key), [/edge-routes/, /key values mismatch/]);
    assert.equal(await shown(), "second");
    project.configure({ "berth:tlsKey": former });
    await serving.recovers();
  });

  it("promise 5: killed at any step, every consumer has a credential that works, and the next run completes it", async () => {
    const moments: string[] = [];
    const former = await urlOf("database-url");
    await serving.assertLossless(
      await serving.underLoad(
        async () => {
          await project.setSecret("postgresPassword", "the-third-postgres-password");
          for (let round = 0; round < 3; round++) {
            const seconds = 3 + randomInt(150) / 10;
            moments.push(`${seconds} s${(await killedAfter(project, seconds)) ? "" : " (had ended)"}`);
            await everyConsumerWorks();
            await good(project.pulumi("cancel", "--stack", STACK, "--yes"));
          }
          await good(project.script("up", STACK));
        },
        { share: 0.5 },
      ),
    );
    console.log(`      killed after ${moments.join(", ")}`);
    assert.equal((await urlOf("database-url")).password, "the-third-postgres-password");
    await eventually(async () => assert.ok(!(await postgresLets(former)), "the former password still works"), 150);
    assert.deepEqual(await project.objects(), await project.declared());
    await everyConsumerWorks();
  });

  it("a credential changed in place, as compose would, fails requests (negative control)", async () => {
    const role = (await urlOf("database-url")).username;
    const report = await serving.underLoad(
      async () => {
        await serving.query(
          `ALTER ROLE ${role} PASSWORD 'changed behind everybody'; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}';`,
        );
        await sleep(8000);
        await serving.query(`ALTER ROLE ${role} PASSWORD 'the-third-postgres-password';`);
        await sleep(4000);
      },
      { slow: 0 },
    );
    assert.notDeepEqual(report.failures, {});
  });
});
