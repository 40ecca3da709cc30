import assert from "node:assert/strict";
import { parseConfig } from "../../../config/parse.ts";
import { systems } from "../../../systems/index.ts";

const parse = (values: Record<string, string>) => {
  const given = new Map(Object.entries({ "berth:environment": "dev", ...values }));
  return parseConfig({ stack: "dev", values: given, secrets: new Map() }, systems.assistant.shape);
};

describe("addresses in a stack file", () => {
  it("takes addresses of hosts that could be, and refuses what browsers alone make something of", () => {
    const url = (value: string) => parse({ "berth:publicUrl": value }).settings?.publicUrl;
    for (const host of ["a_b.example.org", "ünï.example.org", "[2001:db8::1]:8080", "192.0.2.7", "berth", "a.org."])
      assert.ok(url(`https://${host}`), host);
    for (const host of [
      "a\\b.org",
      "a$b.org",
      "*.example.org",
      "a..b",
      "a,b.org",
      "-",
      `${"a".repeat(64)}.org`,
      "a.org:0",
    ])
      assert.equal(url(`https://${host}`), undefined, host);
    const subnet = (value: string) => parse({ "berth:subnet": value }).settings?.subnet;
    for (const network of ["127.0.0.0/8", "0.0.0.0/8", "224.0.0.0/8", "240.0.0.0/8"])
      assert.equal(subnet(network), undefined);
    assert.ok(subnet("10.200.0.0/20"));
    const bucket = (more: object) => parse({ "berth:backup": JSON.stringify({ s3: { bucket: "abc", ...more } }) });
    for (const more of [{ endpoint: "http://localhost:9000" }, { prefix: "../x" }, { prefix: "a/.." }])
      assert.equal(bucket(more).settings, undefined, JSON.stringify(more));
    assert.ok(bucket({ endpoint: "http://minio:9000", prefix: "berth/..prod" }).settings);
  });
});
