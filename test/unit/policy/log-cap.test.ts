import { logCap } from "../../../policy/rules/log-cap.ts";
import { container, fails, passes } from "./support.ts";

describe("policy/log-cap", () => {
  it("passes json-file with both caps", () =>
    passes(logCap, container({ logOpts: { "max-size": "1m", "max-file": "1" } })));
  it("refuses another driver, or the engine's default", () => {
    fails(logCap, container({ logDriver: "syslog" }), '"syslog"', "json-file");
    fails(logCap, container({ logDriver: undefined }), "nothing");
  });
  it("refuses a cap that is missing or none", () => {
    fails(logCap, container({ logOpts: undefined }), "max-size", "max-file");
    fails(logCap, container({ logOpts: { "max-size": "-1", "max-file": "5" } }), '"-1"');
    fails(logCap, container({ logOpts: { "max-size": "10m" } }), 'logOpts["max-file"] is nothing');
  });
});
