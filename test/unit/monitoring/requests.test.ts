/** How the edge adds its requests up. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";

const SCRIPT = join(import.meta.dirname, "../../../services/edge/requests.awk");
const add = (before: string, ...lines: string[]): string =>
  execFileSync("awk", ["-f", SCRIPT], { input: before + lines.map((line) => `${line}\n`).join(""), encoding: "utf8" });
const values = (text: string) =>
  Object.fromEntries(
    text
      .split("\n")
      .filter((line) => line && !line.startsWith("#"))
      .map((line) => line.split(" ") as [string, string]),
  );

describe("services/edge/requests.awk", () => {
  it("says nothing of nothing", () => assert.equal(add(""), ""));
  it("counts by route and status, and times into buckets", () => {
    const found = values(add("", "api 200 0.005", "api 200 0.3", "api 503 0.3", "none 308 0.000"));
    assert.equal(found['edge_route_requests_total{route="api",status="200"}'], "2");
    assert.equal(found['edge_route_requests_total{route="api",status="503"}'], "1");
    assert.equal(found['edge_route_requests_total{route="none",status="308"}'], "1");
    const bucket = (le: string) => found[`edge_route_duration_seconds_bucket{route="api",le="${le}"}`];
    assert.deepEqual([bucket("0.01"), bucket("0.25"), bucket("0.5"), bucket("+Inf")], ["1", "1", "3", "3"]);
    assert.equal(found['edge_route_duration_seconds_sum{route="api"}'], "0.605");
  });
  it("goes on from what was before", () => {
    const once = add("", "api 200 1.5", "sms-router 200 61");
    assert.deepEqual(
      values(add(once, "api 200 1.5", "sms-router 200 61")),
      values(add("", "api 200 1.5", "sms-router 200 61", "api 200 1.5", "sms-router 200 61")),
    );
  });
  it("passes over a line that was cut off", () => assert.equal(add("", "api 20"), ""));
});
