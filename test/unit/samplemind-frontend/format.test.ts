import assert from "node:assert/strict";
import * as format from "../../../services/samplemind-frontend/src/format.ts";

describe("what the page of SampleMind writes", () => {
  const table = <T>(name: string, write: (value: T) => string, rows: readonly (readonly [T, string])[]) => {
    for (const [value, text] of rows) it(`${name} ${String(value)}: ${text}`, () => assert.equal(write(value), text));
  };
  table("size", format.size, [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [999_949, "999.9 kB"],
    [999_950, "1.0 MB"],
    [104_857_600, "104.9 MB"],
    [2_000_000_000_000, "2000.0 GB"],
  ]);
  table("duration", format.duration, [
    [0, "0.0 s"],
    [0.42, "0.4 s"],
    [9.94, "9.9 s"],
    [9.96, "0:10"],
    [59.6, "1:00"],
    [3599.7, "1:00:00"],
    [3723, "1:02:03"],
  ]);
  table("tempo", format.tempo, [
    [0, "no beat"],
    [119.6, "120 BPM"],
  ]);
  table("loudness", format.loudness, [
    [-14.23, "−14.2 LUFS"],
    [0, "0.0 LUFS"],
  ]);
  table("feature", format.feature, [
    [0, "0"],
    [0.000123456, "0.0001235"],
    [3164.27, "3164"],
  ]);
  table("label", format.label, [["spectral_centroid", "Spectral centroid"]]);
  table("count", (number: number) => format.count(number, "sample"), [
    [0, "0 samples"],
    [1, "1 sample"],
    [2, "2 samples"],
  ]);
  it("a moment in the reader's language", () =>
    assert.match(format.moment("2026-11-27T09:38:00Z", "en-GB"), /^27 Nov 2026, \d\d:38$/));
});
