import assert from "node:assert/strict";
import { scalarProblems } from "../../../config/scalars.ts";

const of = (value: string) => scalarProblems(`config:\n  berth:key: ${value}\n`, "dev", () => false);

describe("config/scalars", () => {
  const doubtful = ["~", "null", "0x10", "010", "0o17", "0b11", "1e3", "1E+2", "1_000", "+5"];
  for (const value of [...doubtful, ".5", "1.", ".inf", "True", "FALSE", "2026-01-01", "2026-01-01T10:00:00Z"])
    it(`refuses ${value} without quotes, and takes it with them`, () => {
      const [problem, ...more] = of(value);
      assert.deepEqual([problem!.key, more], ["berth:key", []]);
      assert.ok(problem!.got.startsWith(`${value}, which`));
      assert.equal(problem!.fix, "write it so in line 2 of Pulumi.dev.yaml");
      assert.deepEqual(of(`"${value}"`), []);
    });
  it("refuses a key without a value, which is neither unset nor empty", () => {
    assert.deepEqual(
      of("").map(({ got, fix }) => [got, fix]),
      [["nothing", "write it so in line 2 of Pulumi.dev.yaml, or take the line away"]],
    );
    assert.deepEqual(of('""'), []);
  });
  it("takes what everybody reads alike", () => {
    for (const value of [
      "true",
      "false",
      "0",
      "8000",
      "-1",
      "0.25",
      "1.10",
      "6h",
      "512MiB",
      "0.0.0.0",
      "::1",
      "e3",
      "on",
      "Yes",
      "n",
    ])
      assert.deepEqual(of(value), [], value);
    for (const value of ["https://x.org", "pa_dev", "sha256:00", "{}", "[]", "|\n    010", "10.0.0.0/8", "17-alpine"])
      assert.deepEqual(of(value), [], value);
  });
  it("refuses a variable that would arrive without the zeros at its end, and no other number", () => {
    const text = (value: string) => `config:\n  berth:services: {api: {cpus: 1.0, environment: {V: ${value}}}}\n`;
    const keys = (value: string) => scalarProblems(text(value), "dev", () => false).map(({ key }) => key);
    assert.deepEqual(keys("1.0"), ["berth:services.api.environment.V"]);
    assert.deepEqual([keys("1"), keys("0.5"), keys('"1.0"')], [[], [], []]);
  });
  it("looks into lists and maps, and not into keys of other programs", () => {
    const text = "config:\n  berth:ports: {edge: 0x50}\n  berth:off:\n    - ~\n  aws:region: 010\n";
    assert.deepEqual(
      scalarProblems(text, "dev", () => false).map(({ key, fix }) => `${key} | ${fix}`),
      [
        "berth:ports.edge | write it so in line 2 of Pulumi.dev.yaml",
        "berth:off[0] | write it so in line 4 of Pulumi.dev.yaml",
      ],
    );
  });
  it("leaves it to others to say that it is no YAML", () =>
    assert.deepEqual(
      scalarProblems("config: [", "dev", () => false),
      [],
    ));
});
