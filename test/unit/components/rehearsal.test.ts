import assert from "node:assert/strict";
import { rehearse } from "../../../components/rehearsal.ts";
import type { Client } from "../../../config/docker-client.ts";
import { containerArgs } from "../../../plan/container.ts";
import { makePlan } from "../../../plan/plan.ts";
import { tried, type Tried } from "../../../plan/rehearsal.ts";
import type { Rehearsal } from "../../../plan/types.ts";
import { catalogue, context, service } from "../support.ts";

const TRIAL = "tiny-dev-db-rehearsal";
const plan = makePlan(
  catalogue([service("db", { kind: "stateful", publish: { postgres: 5432 }, networks: ["data"] })]),
  context({ "berth:ports": { postgres: 5432 } }),
);
const db = plan.services[0]!;
const NOW: Tried = {
  name: "tiny-dev-db",
  image: "busybox:1",
  ...tried(containerArgs(db, plan)),
  volumes: [],
  networksAdvanced: [{ name: "data-0" }, { name: "edge-0" }],
};
const FOLLOWS: Rehearsal = { follows: { tells: ["tell"], takes: ["take"] } };

/** What the engine answers: a text, or an error with it. The first that a call begins with counts. */
type Answers = Readonly<Record<string, string | Error>>;
const WELL: Answers = {
  [`inspect --format {{.State.Running}} {{.State.ExitCode}} {{.State.OOMKilled}} ${TRIAL}`]: "true 0 false\n",
  "inspect --format {{.State.Health.Status}} tiny-dev-db": "healthy\n",
};
const state = (text: string): Answers => ({ [Object.keys(WELL)[0]!]: text, [`logs --tail 15 ${TRIAL}`]: "bad flag\n" });

/** A stand-in for the docker client. @returns its calls, with what they had on standard input, and what was thrown. */
async function run(
  answers: Answers = {},
  given: { now?: Tried; before?: Tried | undefined; rehearsal?: Rehearsal; held?: readonly number[] } = {},
): Promise<{ calls: string[]; error: string | undefined }> {
  const { now, before, rehearsal, held = [] } = { now: NOW, before: NOW, ...given };
  const calls: string[] = [];
  const all = Object.entries({ ...WELL, ...answers });
  const client: Client =
    ({ input } = {}) =>
    (...args) => {
      const call = args.join(" ");
      calls.push(input === undefined ? call : `${call} < ${input}`);
      const answer = all.find(([beginning]) => call.startsWith(beginning))?.[1] ?? "";
      return typeof answer === "string"
        ? Promise.resolve({ stdout: answer, stderr: "" })
        : Promise.reject(Object.assign(answer, { stderr: answer.message }));
    };
  const planned = { ...db, waitTimeout: 0, ...(rehearsal ? { rehearsal } : {}) };
  const handover = { holders: () => Promise.resolve(held.map((external) => ({ id: "1", name: "other", external }))) };
  const error = await rehearse(client, planned, now, before, handover).then(
    () => undefined,
    (thrown: Error) => thrown.message,
  );
  return { calls, error };
}
/** The verbs, and whom they are about. */
const short = (calls: readonly string[]) =>
  calls.map((call) => [call.split(" ")[0], call.includes(TRIAL) ? "trial" : call.split(" ").at(-1)].join(" "));

describe("components/rehearsal", () => {
  it("makes it, starts it, asks for its health, and removes it with what it wrote", async () => {
    const { calls, error } = await run();
    assert.equal(error, undefined);
    assert.deepEqual(short(calls), [
      "rm trial",
      "image busybox:1",
      "create trial",
      "start trial",
      "inspect trial",
      "exec trial",
      "rm trial",
    ]);
    assert.equal(calls.at(-1), `rm --force --volumes ${TRIAL}`);
  });

  it("does nothing to the one that runs but asking it, whatever happens", async () => {
    const failures: Answers[] = [
      {},
      { create: new Error("Range of CPUs") },
      { start: new Error("no such user") },
      { "exec --interactive": new Error("no") },
      state("false 1 false"),
    ];
    for (const answers of failures) {
      const { calls } = await run(answers, { rehearsal: FOLLOWS });
      for (const call of calls.filter((one) => / tiny-dev-db( |$)/.test(one)))
        assert.match(call, /^(inspect|exec tiny-dev-db tell)/);
      assert.equal(calls.at(-1), `rm --force --volumes ${TRIAL}`);
    }
  });

  const REFUSALS: [string, Answers, RegExp][] = [
    ["a limit that the engine refuses", { create: new Error("Range of CPUs is from 0.01 to 2") }, /refuses it: Range/],
    [
      "an image that is nowhere",
      { "image inspect": new Error("No such image"), pull: new Error("manifest unknown") },
      /image cannot be had: manifest unknown/,
    ],
    ["a container that does not start", { start: new Error("exec format error") }, /does not start: exec format/],
    ["a server that ends", state("false 1 false"), /ended with 1\. Its last words:\nbad flag/],
    ["one that the kernel ended", state("false 137 true"), /ended with 137, out of memory\. Its last words/],
    ["one that is never healthy", { [`exec ${TRIAL}`]: new Error("refused") }, /not healthy within 0 s: refused/],
  ];
  for (const [what, answers, words] of REFUSALS)
    it(`refuses ${what}`, async () => {
      const { error } = await run(answers);
      assert.match(error!, /^tiny-dev-db was not touched\./);
      assert.match(error!, words);
    });

  it("pulls what is not there, but no id of a local image", async () => {
    const absent = { "image inspect": new Error("No such image") };
    assert.ok((await run(absent)).calls.includes("pull --quiet busybox:1"));
    const { calls, error } = await run(absent, { now: { ...NOW, image: "sha256:0" } });
    assert.ok(!calls.some((call) => call.startsWith("pull")));
    assert.match(error!, /image cannot be had: No such image/);
  });

  it("takes a host port that is new, before anything else; one that was there is left alone", async () => {
    const [port] = NOW.ports;
    const now = { ...NOW, ports: [{ ...port!, external: 5433 }] };
    const { calls, error } = await run({}, { now });
    assert.equal(error, undefined);
    assert.deepEqual(
      calls.filter((call) => /^(create|network|start|rm)/.test(call)).map((call) => call.split(" ")[0]),
      ["rm", "create", "network", "start", "rm", "create", "start", "rm"],
    );
    assert.match(
      calls.find((call) => call.startsWith("create"))!,
      /--network data-0 --publish 127\.0\.0\.1:5433:5432/,
    );
    const refused = await run({ start: new Error("port is already allocated") }, { now });
    assert.match(refused.error!, /cannot have port 127\.0\.0\.1:5433 of the host: port is already allocated/);
    const elsewhere = { ...NOW, ports: [{ ...port!, ip: "10.0.0.5" }] };
    const unknown = await run({ start: new Error("cannot assign requested address") }, { now: elsewhere });
    assert.ok(unknown.calls.some((call) => call.includes("--publish 10.0.0.5:0:5432/tcp")));
    assert.match(unknown.error!, /cannot have port 10\.0\.0\.5:\(any\) of the host: cannot assign/);
    // Of what runs since before there were rehearsals nothing is known: its own ports would look taken.
    const { calls: first } = await run({}, { now, before: undefined });
    assert.ok(!first.some((call) => call.includes("--publish")));
  });

  it("takes no port that another container of the stack is about to leave, but its address", async () => {
    const now = { ...NOW, ports: [{ ...NOW.ports[0]!, external: 5433 }] };
    const { calls, error } = await run({}, { now, held: [5433] });
    assert.equal(error, undefined);
    assert.ok(calls.some((call) => call.includes("--publish 127.0.0.1:0:5432/tcp")));
    assert.ok(!calls.some((call) => call.includes(":5433:")));
  });

  it("lets the new one ask whether it can go on from the one that runs", async () => {
    const told = { "exec tiny-dev-db tell": "version 17\n" };
    const { calls, error } = await run(told, { rehearsal: FOLLOWS });
    assert.equal(error, undefined);
    assert.ok(calls.includes(`exec --interactive ${TRIAL} take < version 17\n`));
    const lacks = { ...told, "exec --interactive": new Error("its data needs extension vector") };
    const refused = await run(lacks, { rehearsal: FOLLOWS });
    assert.match(refused.error!, /cannot go on from the one that runs: its data needs extension vector/);
    const unable = await run(
      { "exec tiny-dev-db tell": new Error('database "b" does not exist') },
      { rehearsal: FOLLOWS },
    );
    assert.match(unable.error!, /the one that runs says: database "b" does not exist/);
  });

  it("shows no standard output of what failed, and says so where the client itself fails", async () => {
    const secret = Object.assign(new Error(""), { stdout: "the key of the certificate", code: 3 });
    const { error } = await run({ "exec tiny-dev-db tell": secret }, { rehearsal: FOLLOWS });
    assert.match(error!, /the one that runs says: docker ended with 3$/);
    const none = await run({ "image inspect": new Error(""), pull: Object.assign(new Error(""), { code: "ENOENT" }) });
    assert.match(none.error!, /its image cannot be had: docker ended with ENOENT$/);
  });

  it("does not ask one that is ill, which the update may mend, nor one that is not there", async () => {
    for (const health of ["unhealthy\n", new Error("No such object")]) {
      const ill = { "inspect --format {{.State.Health.Status}} tiny-dev-db": health };
      const { calls, error } = await run(ill, { rehearsal: FOLLOWS });
      assert.equal(error, undefined);
      assert.ok(!calls.some((call) => /\b(tell|take)\b/.test(call)));
    }
  });

  it("waits for the end of another command, and for its success", async () => {
    const rehearsal: Rehearsal = { command: ["validate"] };
    const { calls, error } = await run(state("false 0 false"), { rehearsal });
    assert.equal(error, undefined);
    assert.match(
      calls.find((call) => call.startsWith("create"))!,
      /busybox:1 validate$/,
    );
    assert.match((await run(state("false 2 false"), { rehearsal })).error!, /ended with 2\. Its last words:\nbad flag/);
    assert.match((await run(state("true 0 false"), { rehearsal })).error!, /did not end within 0 s/);
  });
});
