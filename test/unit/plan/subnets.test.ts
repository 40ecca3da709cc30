import assert from "node:assert/strict";
import { engineFrom, type Taken } from "../../../config/engine.ts";
import type { Problem, ProblemsError } from "../../../config/problems.ts";
import { makePlan } from "../../../plan/plan.ts";
import { overlap, partOf } from "../../../plan/subnets.ts";
import type { NetworkName } from "../../../plan/types.ts";
import { catalogue, context, service, settings } from "../support.ts";

const NETWORKS: readonly NetworkName[] = ["app", "data", "edge", "egress", "monitoring"];

describe("plan/subnets", () => {
  it("gives each network an eighth, which is no other's, and the engine its first address", () => {
    assert.deepEqual(
      NETWORKS.map((network) => partOf("10.200.0.0/20", network)),
      [
        { subnet: "10.200.0.0/23", gateway: "10.200.0.1" },
        { subnet: "10.200.2.0/23", gateway: "10.200.2.1" },
        { subnet: "10.200.4.0/23", gateway: "10.200.4.1" },
        { subnet: "10.200.6.0/23", gateway: "10.200.6.1" },
        { subnet: "10.200.8.0/23", gateway: "10.200.8.1" },
      ],
    );
    assert.equal(partOf("192.168.252.0/22", "monitoring").subnet, "192.168.254.0/25");
    assert.equal(partOf("10.200.7.9/20", "data").subnet, "10.200.2.0/23", "by any of its addresses");
  });
  it("takes networks of a size that is of use", () => {
    for (const subnet of ["10.0.0.0/8", "10.200.0.0/20", "192.168.252.0/22"])
      assert.equal(settings({ "berth:subnet": subnet }).subnet, subnet);
    for (const subnet of ["10.200.0.0", "10.200.0.0/23", "0.0.0.0/0", "fd00::/48", "10.200.0.0/20 "])
      assert.throws(() => settings({ "berth:subnet": subnet }), /berth:subnet/);
  });

  it("knows which networks have an address in common", () => {
    for (const [one, other, same] of [
      ["10.200.0.0/20", "10.200.15.0/24", true],
      ["10.200.15.0/24", "10.200.0.0/20", true],
      ["10.200.0.0/20", "10.200.16.0/20", false],
      ["10.0.0.0/8", "10.200.0.0/20", true],
      ["200.0.0.0/8", "10.200.0.0/20", false],
      ["10.200.3.7/20", "10.200.0.0/24", true],
    ] as const)
      assert.equal(overlap(one, other), same, `${one} ${other}`);
  });

  describe("that somebody has are refused before anything is touched:", () => {
    const SUBNET = "10.200.0.0/20";
    /** @param taken What the engine says. @returns what is said of berth:subnet. */
    const problems = (...taken: Taken[]): readonly Problem[] => {
      const engine = { ...engineFrom({ ServerVersion: "27.5", NCPU: 2, MemTotal: 2 ** 34, OSType: "linux" })!, taken };
      const limits = { memory: true, swap: true, cpus: true };
      const given = { ...context({ "berth:subnet": SUBNET }), engine: { ...engine, limits } };
      try {
        makePlan(catalogue([service("a", { networks: ["data", "app"] })]), given);
        return [];
      } catch (error) {
        return (error as ProblemsError).problems;
      }
    };
    const network = (subnet: string, of: Partial<Taken> = {}): Taken => ({ subnet, by: "Docker network n", ...of });

    for (const [what, taken, got] of [
      ["another stack", network(SUBNET, { stack: "stage" }), "Docker network n of stack stage has 10.200.0.0/20"],
      ["a network of Docker", network("10.200.0.0/16"), "Docker network n has 10.200.0.0/16"],
      ["part of it", network("10.200.3.0/24"), "Docker network n has 10.200.3.0/24"],
      ["a route of the machine", { subnet: "10.0.0.0/8", by: "a route" }, "a route has 10.0.0.0/8"],
      [
        "the stack itself, as it was",
        network("10.200.0.0/22", { stack: "dev", service: "network-app" }),
        "Docker network n of this stack, as it was has 10.200.0.0/22",
      ],
    ] as const)
      it(`by ${what}`, () => {
        const [problem, ...more] = problems(taken);
        assert.deepEqual(more, []);
        assert.equal(problem!.key, "berth:subnet");
        assert.equal(problem!.got, `10.200.0.0/20, of which ${got}`);
        const [, offered] = /berth:subnet (\S+) --stack dev/.exec(problem!.fix)!;
        assert.ok(!overlap(offered!, taken.subnet) && settings({ "berth:subnet": offered! }).subnet);
      });
    it("but not its own networks, whatever the machine does with these addresses, nor what has nothing of its own", () => {
      const own = [
        network("10.200.0.0/23", { stack: "dev", service: "network-app" }),
        network("10.200.2.0/23", { stack: "dev", service: "network-data" }),
      ];
      assert.deepEqual(problems(...own, { subnet: "10.0.0.0/8", by: "a route" }), []);
      assert.deepEqual(problems(network("10.200.4.0/23"), network("10.200.14.0/23"), network("10.201.0.0/16")), []);
    });
  });
});
