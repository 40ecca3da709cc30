/** Tells bin/test how many tests passed and failed; mocha itself says so only in words. */
import { writeFileSync } from "node:fs";
import type Mocha from "mocha";

let passed = 0;
let failed = 0;

export const mochaHooks = {
  afterEach(this: Mocha.Context) {
    if (this.currentTest?.state === "passed") passed += 1;
    else failed += 1;
  },
  afterAll() { report(); },
};

// A failing hook ends a suite before afterAll; what was counted, and that failure, still count.
process.on("exit", (code) => { if (code !== 0 && failed === 0) failed = 1; report(); });

function report(): void {
  const file = process.env["BERTH_TEST_COUNTS"];
  if (file && passed + failed > 0) writeFileSync(file, `${passed} ${failed}`);
}
