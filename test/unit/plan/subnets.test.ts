import assert from "node:assert/strict";
import { partOf } from "../../../plan/subnets.ts";
import type { NetworkName } from "../../../plan/types.ts";
import { settings } from "../support.ts";

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
});
