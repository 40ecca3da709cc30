/** SampleMind as whoever works on it has it: what is typed shows at once, in the backend and in the open page. */
import assert from "node:assert/strict";
import { eventually } from "../../stack/command.ts";
import type { Stack } from "../../stack/stack.ts";
import { hotReloadTest } from "./browser.ts";
import { withChromium } from "./in-browser.ts";

const SOURCE = "services/samplemind/src/samplemind/api.py";
const ROUTE = '@routes.get("/statistics")';
const MORE = '@routes.get("/typed")\nasync def typed() -> str:\n    return "at once"\n\n\n';

export function development(stack: Stack): void {
  const { project } = stack;

  before(withChromium);

  hotReloadTest(
    () => ({ url: stack.edge }),
    () => project.dir,
  );

  it("SM-58: a change of the backend's source is answered within seconds, with no update", async () => {
    const answer = async () => (await stack.session.get("/api/typed")).status;
    assert.equal(await answer(), 404);
    project.insert(SOURCE, ROUTE, MORE);
    const began = Date.now();
    await eventually(async () => assert.equal(await answer(), 200), 30);
    console.log(`      after ${((Date.now() - began) / 1000).toFixed(1)} s`);
  });
}
