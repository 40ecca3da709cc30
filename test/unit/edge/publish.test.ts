/** services/edge/bin/edge-publish on a folder of this machine: what it leaves when the update gives up on it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const SCRIPT = readFileSync(join(import.meta.dirname, "../../../services/edge/bin/edge-publish"), "utf8");

describe("the job that publishes routes", function () {
  this.timeout(30_000);
  const release = hostname();
  let folder = "";
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "berth-publish-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Starts it with a release of one file. @returns it, once its release is delivered. */
  async function started() {
    mkdirSync(join(folder, "etc"));
    writeFileSync(join(folder, "etc/nginx.conf"), "events {}\n");
    const script = join(folder, "edge-publish");
    writeFileSync(
      script,
      SCRIPT.replace("live=/live", `live=${folder}/live`)
        .replace("find /etc/berth", `find ${folder}/etc`)
        .replace("touch /tmp/published", `touch ${folder}/published`),
    );
    const job = spawn("bash", [script], { stdio: ["ignore", "pipe", "inherit"] });
    await once(job.stdout, "data");
    return job;
  }
  const refused = () => join(folder, "live/releases", release, "refused");

  it("takes its release back when it is ended before the edge took it", async () => {
    const job = await started();
    assert.deepEqual(readdirSync(join(folder, "live/releases")), [release]);
    assert.ok(!existsSync(refused()));
    job.kill("SIGTERM");
    await once(job, "exit");
    assert.equal(readFileSync(refused(), "utf8"), "the update gave up\n");
  });
  it("leaves alone what is live", async () => {
    const job = await started();
    writeFileSync(join(folder, "live/applied"), `${release}\n`);
    for (let n = 0; n < 100 && !existsSync(join(folder, "published")); n += 1) await wait(100);
    assert.ok(existsSync(join(folder, "published")));
    job.kill("SIGTERM");
    await once(job, "exit");
    assert.ok(!existsSync(refused()));
  });
});
