/** What breaks heals by itself: hung processes, a lost database, a restarted engine (operations.md 8). */
import assert from "node:assert/strict";
import { good, Serving } from "./serving.ts";
import { docker, eventually, sleep } from "./support.ts";
import { killEngine, ownEngine, startEngine } from "./own-engine.ts";

const STACK = "e2e-heal";

describe("healing", function () {
  this.timeout(900_000);
  const serving = new Serving({ stack: STACK, portOffset: 15000 });
  const { project } = serving;
  before(() => serving.start());
  after(() => project.remove());

  const routesSay = (what: RegExp) =>
    eventually(
      async () =>
        assert.match(await docker("exec", `assistant-${STACK}-edge`, "cat", "/live/current/upstreams.conf"), what),
      30,
    );
  /** Until a replica left the routes, which takes seconds, and the others answer. @returns milliseconds */
  const leaves = async (name: string): Promise<number> => {
    const began = Date.now();
    await routesSay(new RegExp(`down; # ${name}`));
    const left = Date.now() - began;
    assert.ok(left < 15_000, `${left} ms`);
    for (let i = 0; i < 20; i++) assert.equal((await serving.client.get("/v1/version")).status, 200);
    return left;
  };
  const returned = (): Promise<void> => routesSay(/^(?![\s\S]*down;)/);
  const restarts = async () =>
    docker(
      "inspect",
      "--format",
      "{{.RestartCount}}",
      ...(
        await Promise.all(["api", "agent", "worker", "sms-router"].map((service) => project.running(service)))
      ).flat(),
    );

  it("promise 8: a hung replica leaves the routes within seconds, others answer, and its own health check has it restarted", async () => {
    const [name] = await project.running("api");
    const started = () => docker("inspect", "--format", "{{.State.StartedAt}}", name!);
    const before = await started();
    await docker("exec", "-u", "10001", name!, "sh", "-c", "kill -STOP $(cat /proc/1/task/1/children)");
    const began = Date.now();
    const left = await leaves(name!);
    await eventually(async () => assert.notEqual(await started(), before), 90);
    await returned();
    console.log(
      `      out of the routes after ${Math.round(left / 1000)} s, back after ${Math.round((Date.now() - began) / 1000)} s`,
    );
  });

  it("promise 8: so does one that is gone, and it is back in them when it is", async () => {
    const [name] = await project.running("api");
    await docker("stop", name!);
    try {
      console.log(`      out of the routes after ${Math.round((await leaves(name!)) / 1000)} s`);
    } finally {
      await docker("start", name!);
    }
    await returned();
  });

  it("promise 8: nothing has the engine's socket, by which a container could replace others", async () => {
    const mounts = await docker(
      "inspect",
      "--format",
      "{{range .Mounts}}{{println .Source}}{{end}}",
      ...(await project.containers()).values(),
    );
    assert.ok(mounts.length > 100);
    assert.doesNotMatch(mounts, /docker\.sock/);
  });

  for (const [what, down, up] of [
    ["paused", "pause", "unpause"],
    ["stopped", "stop", "start"],
  ] as const)
    it(`promise 8: a database that is ${what} for 30 s is a controlled 503, and a 2xx again within seconds`, async () => {
      const before = await restarts();
      await docker(down, `assistant-${STACK}-postgres`);
      const end = Date.now() + 30_000;
      let slowest = 0;
      try {
        await sleep(1000);
        while (Date.now() < end) {
          const began = Date.now();
          const { status, headers, body } = await serving.client.get("/v1/tasks");
          slowest = Math.max(slowest, Date.now() - began);
          assert.equal(status, 503, JSON.stringify(body));
          assert.ok(headers.get("retry-after"));
          assert.doesNotMatch(JSON.stringify(body), /Traceback|psycopg|\.py/);
          await sleep(1000);
        }
      } finally {
        await docker(up, `assistant-${STACK}-postgres`);
      }
      assert.ok(slowest < 10_000, `the slowest answer took ${slowest} ms`);
      const began = Date.now();
      await eventually(async () => assert.equal((await serving.client.get("/v1/tasks")).status, 200), 20);
      console.log(
        `      slowest 503 after ${slowest} ms; 2xx again ${Date.now() - began} ms after the database was back`,
      );
      await sleep(5000);
      assert.equal(await restarts(), before, "a restart storm");
    });

  it("promise 8: under the same load a database that is away does show (negative control)", async () => {
    const report = await serving.underLoad(
      async () => {
        await docker("pause", `assistant-${STACK}-postgres`);
        await sleep(12_000);
        await docker("unpause", `assistant-${STACK}-postgres`);
        await sleep(3000);
      },
      { slow: 0 },
    );
    assert.ok(
      Object.keys(report.failures).some((failure) => failure.startsWith("POST") && failure.endsWith("status 503")),
      JSON.stringify(report.failures),
    );
    // What reads no data is answered all the while, and nothing is answered but 2xx and the controlled 503.
    assert.deepEqual(
      Object.keys(report.failures).filter((failure) => !/^POST .*: status 503$/.test(failure)),
      [],
    );
    await serving.recovers();
  });

  if (ownEngine())
    for (const how of ["stopped", "killed"] as const)
      it(`promise 8: the engine ${how} and started again: everything is healthy with no manual step`, async () => {
        await serving.client.post("/v1/tasks", { title: `before the engine was ${how}` });
        await killEngine(how === "killed" ? "SIGKILL" : "SIGTERM");
        await startEngine();
        await eventually(async () => {
          const states = (
            await docker("ps", "-a", "--filter", `label=berth.stack=${STACK}`, "--format", "{{.Names}} {{.Status}}")
          )
            .split("\n")
            .filter((line) => !line.includes("-seed-"));
          assert.deepEqual(
            states.filter((state) => !state.includes("(healthy)")),
            [],
          );
        }, 120);
        await eventually(async () => assert.equal((await serving.client.get("/ready")).status, 200), 30);
        assert.ok(
          JSON.stringify((await serving.client.get("/v1/tasks")).body).includes(`before the engine was ${how}`),
        );
        const { code, output } = await project.pulumi("preview", "--stack", STACK, "--expect-no-changes");
        assert.equal(code, 0, output);
        await good(project.up());
      });
});
