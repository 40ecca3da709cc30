/** Host ports that pass from one container to another in one update; a docker client of a few lines is the engine. */
import assert from "node:assert/strict";
import { Handover } from "../../../components/handover.ts";
import type { Client } from "../../../config/docker-client.ts";
import { makePlan } from "../../../plan/plan.ts";
import { catalogue, context, service } from "../support.ts";

const single = (name: string, port: number) =>
  service(name, { kind: "stateful", publish: { [name]: port }, networks: ["data"] });
const port = (external: number) => ({ ip: "127.0.0.1", external, internal: 80, protocol: "tcp" as const });

/** @param has Container → the port that it has. @param names Services that the plan has. */
function engine(has: Record<string, number>, names: readonly string[], atOnce?: number) {
  const stopped: string[] = [];
  const client: Client =
    () =>
    (...args) => {
      if (args[0] === "stop") {
        stopped.push(args[1]!);
        delete has[args[1]!.replace(/^id-/, "")];
      }
      const wanted = Number(/publish=(\d+)\/tcp/.exec(args.join(" "))?.[1]);
      const found = Object.keys(has).filter((name) => has[name] === wanted);
      assert.ok(args[0] === "stop" || args.includes("label=berth.stack=dev"));
      return Promise.resolve({ stdout: found.map((name) => `id-${name} ${name}\n`).join(""), stderr: "" });
    };
  const plan = makePlan(catalogue(names.map((name, n) => single(name, 80 + n))), context({}));
  return { handover: new Handover(plan, client, atOnce), stopped };
}
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("components/handover", () => {
  it("stops nobody for a port that nobody of the stack has, or that the container has itself", async () => {
    const { handover, stopped } = engine({ "tiny-dev-a": 1, "tiny-dev-b": 2 }, ["a", "b"]);
    await handover.take("tiny-dev-a", [port(1), port(3)]);
    assert.deepEqual(stopped, []);
  });

  it("swaps the ports of two, once what replaces both has been tried", async () => {
    const { handover, stopped } = engine({ "tiny-dev-a": 1, "tiny-dev-b": 2 }, ["a", "b"]);
    handover.ends("tiny-dev-a", Promise.resolve());
    const a = handover.take("tiny-dev-a", [port(2)]);
    await settle();
    assert.deepEqual(stopped, []);
    handover.ends("tiny-dev-b", Promise.resolve());
    await Promise.all([a, handover.take("tiny-dev-b", [port(1)])]);
    assert.deepEqual(stopped.sort(), ["id-tiny-dev-a", "id-tiny-dev-b"]);
  });

  it("stops nobody where what would replace the other does not hold, and names both and the way", async () => {
    const { handover, stopped } = engine({ "tiny-dev-a": 1, "tiny-dev-b": 2 }, ["a", "b"]);
    const refused = handover.take("tiny-dev-a", [port(2)]);
    handover.ends("tiny-dev-b", Promise.reject(new Error("no such image")));
    await assert.rejects(
      refused,
      /^Error: tiny-dev-a cannot have port 2 of the host: tiny-dev-b has it, .* does not hold\..*In two updates: first/,
    );
    assert.deepEqual(stopped, []);
  });

  it("waits for nobody that the CLI changes after it, and says so at once", async () => {
    const { handover, stopped } = engine({ "tiny-dev-b": 1, "tiny-dev-c": 2 }, ["a", "b", "c", "d"], 2);
    const first = handover.take("tiny-dev-a", [port(1)]);
    await settle();
    // The second of two that the CLI changes at once: nothing else can begin.
    await assert.rejects(
      handover.take("tiny-dev-d", [port(2)]),
      /tiny-dev-d cannot have port 2 .*tiny-dev-c has it, .*no more than 2 at a time.*Both run.*--parallel .*bin\/up dev$/,
    );
    // One that has begun is waited for, whoever else waits (negative control).
    handover.ends("tiny-dev-c", settle());
    await handover.take("tiny-dev-d", [port(2)]);
    handover.ends("tiny-dev-b", settle());
    await first;
    assert.deepEqual(stopped, ["id-tiny-dev-c", "id-tiny-dev-b"]);
  });

  it("stops nobody that the update leaves as it is, and waits for nothing", async () => {
    const { handover, stopped } = engine({ "tiny-dev-b": 2 }, ["a", "b"]);
    const refused = handover.take("tiny-dev-a", [port(2)]);
    handover.passed("tiny-dev-b");
    await assert.rejects(
      refused,
      /tiny-dev-b has it, and this update leaves it as it is.*Without --target.*bin\/up dev$/,
    );
    assert.deepEqual(stopped, []);
  });

  it("takes a port that was left without a trial, as after a run that was cut off between trial and replacement", async () => {
    const has: Record<string, number> = { "tiny-dev-b": 2 };
    const { handover, stopped } = engine(has, ["a", "b"]);
    const taken = handover.take("tiny-dev-a", [port(2)]);
    await settle();
    has["tiny-dev-b"] = 9;
    handover.passed("tiny-dev-b");
    await taken;
    assert.deepEqual(stopped, []);
  });

  it("knows of nobody without a docker client, and fails where the engine does not answer in time", async () => {
    const plan = makePlan(catalogue([single("a", 80)]), context({}));
    const failing = (code: string | number) => () => () => Promise.reject(Object.assign(new Error("no"), { code }));
    await new Handover(plan, failing("ENOENT")).take("tiny-dev-a", [port(2)]);
    await assert.rejects(new Handover(plan, failing(1)).take("tiny-dev-a", [port(2)]), /^Error: no$/);
  });

  it("stops who goes for good, without waiting for anything", async () => {
    const { handover, stopped } = engine({ "tiny-dev-gone": 2 }, ["a"]);
    await handover.take("tiny-dev-a", [port(2)]);
    assert.deepEqual(stopped, ["id-tiny-dev-gone"]);
  });

  it("stops nobody who was replaced meanwhile, and has the name still", async () => {
    const has: Record<string, number> = { "tiny-dev-b": 2 };
    const { handover, stopped } = engine(has, ["a", "b"]);
    const taken = handover.take("tiny-dev-a", [port(2)]);
    await settle();
    has["tiny-dev-b"] = 9;
    handover.ends("tiny-dev-b", Promise.resolve());
    await taken;
    assert.deepEqual(stopped, []);
  });
});
