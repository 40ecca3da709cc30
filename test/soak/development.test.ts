/** SampleMind as whoever works on it has it: what is typed shows at once, in the backend and in the open page. */
import assert from "node:assert/strict";
import { command, eventually, good, ROOT } from "../stack/command.ts";
import { Stack } from "../stack/stack.ts";
import { hotReloadTest } from "../systems/samplemind/browser.ts";
import { samplemind } from "../systems/samplemind/driver.ts";
import { withChromium } from "../systems/samplemind/in-browser.ts";

const SOURCE = "services/samplemind/src/samplemind/api.py";
const ROUTE = '@routes.get("/statistics")';
const MORE = '@routes.get("/typed")\nasync def typed() -> str:\n    return "at once"\n\n\n';

describe("development", function () {
  this.timeout(900_000);
  const stack = new Stack(samplemind, {
    stack: "e2e-development",
    from: "samplemind-dev",
    portOffset: 15_000,
    config: {
      "berth:imageTarget": "development",
      "berth:sourceMounts": true,
      "berth:debug": true,
      "berth:services": {},
    },
  });
  const { project } = stack;
  before(async () => {
    await good(command(`${ROOT}/bench/hub/build.sh`, ["samplemind"]));
    await withChromium();
    await stack.create();
    await project.setSecrets(samplemind.secrets(""));
    await stack.start();
  });
  after(() => stack.remove());

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
});
