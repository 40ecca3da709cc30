import assert from "node:assert/strict";
import { didYouMean, nearest } from "../../../config/nearest.ts";

describe("config/nearest", () => {
  const KNOWN = ["ports", "postgres", "portOffset", "prometheus", "python", "edge", "edge-tls", "api"];

  for (const [name, meant] of [
    ["prots", "ports"],
    ["pyhton", "python"],
    ["promethus", "prometheus"],
    ["portoffset", "portOffset"],
    ["egde", "edge"],
    ["eedg", undefined],
    ["edge-tsl", "edge-tls"],
    ["ap", "api"],
    ["colour", undefined],
    ["x", undefined],
    ["", undefined],
  ] as const)
    it(`${name || "nothing"} is ${meant ?? "nobody's"}`, () => assert.equal(nearest(name, KNOWN), meant));

  it("takes the nearest of several, and none of none", () => {
    assert.equal(
      nearest("redis-exporte", ["postgres-exporter", "redis-exporters", "redis-exporter"]),
      "redis-exporter",
    );
    assert.equal(nearest("api", []), undefined);
  });
  it("asks, or says nothing", () => {
    assert.equal(didYouMean("prots", KNOWN), "; did you mean ports?");
    assert.equal(didYouMean("colour", KNOWN), "");
  });
});
