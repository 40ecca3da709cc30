/** What only counts when data is made: a change of it is refused. A docker client of a few lines is the engine. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Docker } from "../../../config/docker-client.ts";
import { VOLUME } from "../../../bin/deployment.ts";
import { misplacedVolumes } from "../../../bin/volumes.ts";
import { planOf } from "../../../bin/stack.ts";
import { makePlan } from "../../../plan/plan.ts";
import { catalogue, context, service } from "../support.ts";

describe("bin/volumes", () => {
  /**
   * @param device What the stack file says. @param engine What the engine says of the volume. @default none
   * @param made What the stack made it with. @default nothing, or found it
   */
  function problems(device: string | undefined, engine: { device?: string } | undefined, made?: string) {
    const volume = {
      name: "db-data",
      path: "/data",
      keep: "data" as const,
      ...(device === undefined ? {} : { device }),
    };
    const plan = makePlan(catalogue([service("db", { kind: "stateful", volumes: [volume] })]), context({}));
    const docker: Docker = (...args) => {
      assert.equal(args.at(-1), "tiny-dev-db-data");
      return engine === undefined
        ? Promise.reject(new Error("no such volume"))
        : Promise.resolve({ stdout: `${engine.device ?? ""}\n`, stderr: "" });
    };
    const inputs = made === undefined ? {} : { driverOpts: { type: "none", o: "bind", device: made } };
    const resource = { urn: `urn:pulumi:dev::berth::${VOLUME}::tiny-dev-db-data`, type: VOLUME, inputs };
    return misplacedVolumes(plan, docker, { resources: [resource] });
  }

  for (const [what, device, engine, made, got, fix] of [
    ["named later", "/mnt/a", {}, undefined, /^\/mnt\/a, .*engine's own folder$/, /^pulumi config rm --path/],
    ["changed", "/mnt/b", { device: "/mnt/a" }, "/mnt/a", /^\/mnt\/b, .*is in \/mnt\/a$/, /device \/mnt\/a --stack/],
    ["taken away", undefined, { device: "/mnt/a" }, "/mnt/a", /^not set, .*is in \/mnt\/a$/, /device \/mnt\/a --s/],
  ] as const)
    it(`refuses a folder for data that is ${what}: a volume is never made again`, async () => {
      const [problem, ...more] = await problems(device, engine, made);
      assert.deepEqual([problem!.key, more], ["berth:db.device", []]);
      assert.match(problem!.got, got);
      assert.match(problem!.fix, fix);
    });
  it("takes a folder that is as it was, a volume that is still to be made, and one of before the stack", async () => {
    assert.deepEqual(await problems("/mnt/a", { device: "/mnt/a" }, "/mnt/a"), []);
    assert.deepEqual(await problems(undefined, {}), []);
    assert.deepEqual(await problems("/mnt/a", undefined), []);
    assert.deepEqual(await problems(undefined, { device: "/mnt/a" }), []);
    assert.deepEqual(await problems("/mnt/a", { device: "/mnt/a" }), []);
  });

  it("PostgreSQL's database is made with its data: another name is refused before the server stops", () => {
    const folder = mkdtempSync(join(tmpdir(), "berth-psql-"));
    after(() => rmSync(folder, { recursive: true }));
    const { tells } = planOf("dev").services.find(({ name }) => name === "postgres")!.rehearsal!.follows!;
    /** @param others What the server says of databases beside a missing one. */
    const said = (others: string) => {
      const psql = `#!/bin/sh\ncase "$*" in *string_agg*pa_dev*) echo "${others}";; *) echo facts;; esac\n`;
      writeFileSync(join(folder, "psql"), psql, { mode: 0o755 });
      const env = { PATH: `${folder}:/usr/bin:/bin` };
      return spawnSync(tells[0]!, tells.slice(1), { env, encoding: "utf8" });
    };
    const refused = said("pa_other");
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /^there is no database pa_dev \(berth:database; .*the data is in pa_other: name that/);
    assert.deepEqual([said("").status, said("").stdout], [0, "facts\n"]);
  });
});
