/** Kailash as whoever works on it has it: what is typed shows at once, and databases keep their data. */
import assert from "node:assert/strict";
import { command, eventually, good } from "../../stack/command.ts";
import type { Stack } from "../../stack/stack.ts";
import { redisCli } from "../../stores/redis.ts";
import type { Client } from "./client.ts";
import { kailash } from "./driver.ts";

const SOURCE = "services/kailash/src/knowledge/api.py";
const ROUTE = '    @routes.get("/documents/{id}")';
const MORE = '    @routes.get("/changed")\n    async def changed() -> str:\n        return "at once"\n\n';

export function development(stack: Stack<Client>): void {
  const { project } = stack;

  it("05: KD-23: databases keep everything over a replacement of their containers", async () => {
    const kept = "kept over a replacement";
    await kailash.keep(stack.session, kept);
    const { session } = await stack.session.run<{ session: string }>("open_session", {});
    const before = await project.byService();
    const memory = { postgres: "1200MiB", redis: "400MiB", neo4j: "1100MiB" };
    for (const [service, most] of Object.entries(memory)) project.set(service, { memory: most });
    await good(project.up());
    const after = await project.byService();
    for (const service of Object.keys(memory)) assert.notDeepEqual(after[service], before[service], service);
    assert.ok(await kailash.keeps(stack.session, kept));
    assert.ok(await stack.session.run("session", { session }));
    assert.equal(await redisCli(project, "exists", `kailash:session:${session}`), "1");
  });

  it("07: KD-47: a change of the source shows at once", async () => {
    const changed = () => stack.session.get("/v1/changed");
    assert.equal((await changed()).status, 404);
    project.insert(SOURCE, ROUTE, MORE);
    await eventually(async () => {
      const { status, body } = await changed();
      assert.deepEqual([status, body], [200, "at once"]);
    }, 40);
  });

  it("KD-61: its own tests pass in the image", async () => {
    const { api: image } = await project.output<Record<string, string>>("images");
    // What needs the stores is in tests/contract.
    const tests = ["pytest", "-q", "-p", "no:cacheprovider", "--ignore=tests/contract", "tests"];
    const run = ["run", "--rm", "--network", "none", "-w", "/app", image!, "python", "-m", ...tests];
    const { code, output } = await command("docker", run);
    assert.equal(code, 0, output);
    assert.match(output, /\b[1-9]\d+ passed/);
  });
}
