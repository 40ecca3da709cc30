import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const AGENT = readFileSync(join(import.meta.dirname, "../../../services/edge/bin/edge-agent"), "utf8");
const LOG = /^log\(\) \{[^]*?^\}$/m.exec(AGENT)![0];

/** What the edge's agent writes, as whoever collects lines reads it. */
function logged(message: string): Record<string, string> {
  const line = execFileSync("bash", ["-c", `${LOG}\nlog ERROR "$1"`, "bash", message], { encoding: "utf8" });
  assert.match(line, /^[^\n]+\n$/, "one message is one line");
  return JSON.parse(line) as Record<string, string>;
}

describe("the edge's agent", () => {
  it("logs JSON with its time, service and level", () => {
    const { ts, ...rest } = logged("release a is live");
    assert.deepEqual(rest, { service: "edge", level: "ERROR", msg: "release a is live" });
    assert.match(ts!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}$/);
  });
  for (const [what, message, expected] of [
    ["quotes", 'unknown directive "gzip_perhaps"', 'unknown directive "gzip_perhaps"'],
    ["a backslash", "location ~ \\.php$", "location ~ \\.php$"],
    ["a backslash before a quote", 'ends with \\"', 'ends with \\"'],
    ["an ampersand", "a & b", "a & b"],
    ["a percent sign", "100%s", "100%s"],
    [
      "two lines",
      "/a on listener 1 answers 500\n/b on listener 1 answers 502",
      "/a on listener 1 answers 500; /b on listener 1 answers 502",
    ],
    ["other control characters", "a\tb\rc", "a b c"],
  ] as const)
    it(`logs a message with ${what} as JSON`, () => assert.equal(logged(message)["msg"], expected));
});
