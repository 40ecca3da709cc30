/** Promise 15: whatever clients do, the edge goes on, and everybody else is answered. */
import assert from "node:assert/strict";
import { inAll } from "../length.ts";
import { docker, eventually, good, sleep } from "../stack/command.ts";
import { HeldUpload } from "../stack/slow-client.ts";
import type { World } from "../stack/world.ts";

const MB = 1e6;
/** As long as the edge takes, but for a little. */
const LONG = 9.8 * MB;
/** More than the edge lets wait at a time (edge/nginx.conf). */
const CLIENTS = 90;
const LIMIT = 64;

export function clients({ stack, authority }: World): void {
  const { project, driver } = stack;
  /** The container's beginning: another one after it was killed. */
  const edge = async (): Promise<string> =>
    docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}} {{.RestartCount}}", await project.container("edge"));
  const held = async (count: number): Promise<HeldUpload[]> => {
    const { path } = driver.effects.direct.write(crypto.randomUUID());
    const all = Array.from({ length: count }, () => new HeldUpload(stack.edge + path, authority.certificate, LONG));
    await Promise.all(all.map((one) => one.send(LONG)));
    return all;
  };

  it(`promise 15: ${CLIENTS} clients, none of them logged in, hold uploads of ${LONG / MB} MB: some are refused, everybody else is answered`, async () => {
    const before = await edge();
    let all: HeldUpload[] = [];
    await stack.lossless(async () => {
      all = await held(CLIENTS);
      await sleep(5000);
    });
    const refused = all.filter(({ answer }) => answer !== "");
    for (const one of all) one.close();
    assert.equal(await edge(), before, "the edge was started again");
    assert.ok(refused.length >= CLIENTS - LIMIT, `${refused.length} of ${CLIENTS} were refused`);
    for (const { answer } of refused) {
      assert.match(answer, /^HTTP\/1\.1 503 /);
      assert.match(answer, /^retry-after: \d+/im);
      assert.match(answer, /\{"error":"unavailable"/);
    }
  });

  inAll("the same with bodies kept in memory ends the edge (negative control)", async () => {
    const before = await edge();
    const onDisk = project.read("edge/nginx.conf");
    project.edit("edge/nginx.conf", (text) =>
      text.replace("/scratch/body", "/tmp/body").replace("limit_conn long_bodies 64", "limit_conn long_bodies 1000"),
    );
    project.edit("systems/parts/edge.ts", (text) => text.replace("size=32m", "size=512m"));
    await good(project.up());
    const all = await held(CLIENTS);
    await eventually(async () => assert.notEqual((await edge()).split(" ")[2], before.split(" ")[2]), 30);
    for (const one of all) one.close();
    project.write("edge/nginx.conf", onDisk);
    project.edit("systems/parts/edge.ts", (text) => text.replace("size=512m", "size=32m"));
    await good(project.up());
    await eventually(() => stack.isReady());
  });
}
