import { labels as rule } from "../../../policy/rules/labels.ts";
import { container, fails, labels, network, passes, seed, volume } from "./support.ts";

describe("policy/labels", () => {
  for (const [kind, make] of Object.entries({ container, seed, network, volume })) {
    it(`passes a ${kind} with all four`, () => passes(rule, make({ labels: labels({ "berth.keep": "data" }) })));
    for (const name of ["berth.stack", "berth.system", "berth.environment", "berth.service"])
      it(`refuses a ${kind} without ${name}`, () =>
        fails(rule, make({ labels: labels().filter(({ label }) => label !== name) }), `no label ${name}`));
    it(`refuses a ${kind} without any`, () => fails(rule, make({ labels: undefined }), "berth.service"));
  }
  it("passes a volume with data that was there before, whose labels no engine sets any more", () => {
    passes(rule, volume({ labels: [] }, true, ["labels", "driver"]));
    passes(rule, volume({ labels: undefined }, true, ["labels", "driver"]));
    const another = [{ label: "berth.stack", value: "prod" }];
    fails(rule, volume({ labels: another }, true, ["labels", "driver"]), 'berth.stack is "prod"');
  });
  it("refuses an empty one", () => fails(rule, network({ labels: labels({ "berth.system": "" }) }), '""'));
  it("refuses another stack's", () =>
    fails(rule, volume({ labels: labels({ "berth.stack": "prod" }) }), 'berth.stack is "prod"', '"dev"'));
});
