/** Kailash as whoever works on it has it: the last chapter, because it leaves a stack of development behind. */
import assert from "node:assert/strict";
import { command, eventually, good } from "../../stack/command.ts";
import type { Stack } from "../../stack/stack.ts";
import type { Client } from "./client.ts";

const SOURCE = "services/kailash/src/knowledge/api.py";
const ROUTE = '    @routes.get("/documents/{id}")';
const MORE = '    @routes.get("/changed")\n    async def changed() -> str:\n        return "at once"\n\n';

export function development(stack: Stack<Client>): void {
  const { project } = stack;
  before(async () => {
    project.configure({ "berth:imageTarget": "development", "berth:sourceMounts": true, "berth:debug": true });
    await good(project.up());
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
