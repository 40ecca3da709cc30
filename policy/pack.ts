/**
 * The pack that `pulumi preview --policy-pack policy` and `pulumi up --policy-pack policy` start. See docs/policy.md.
 */
import { PolicyPack, type ResourceValidationPolicy } from "@pulumi/policy";
import { exemptions } from "./exemptions.ts";
import { judge } from "./judge.ts";
import type { Rule } from "./rule.ts";
import { rules } from "./rules/index.ts";

const today = new Date().toISOString().slice(0, 10);

const policyOf = (rule: Rule): ResourceValidationPolicy => ({
  name: rule.name,
  description: rule.description,
  validateResource: (asked, report) => {
    const {
      type,
      urn,
      props,
      opts: { protect, ignoreChanges },
    } = asked;
    try {
      for (const violation of judge(rule, { type, urn, props, protect, ignoreChanges }, exemptions, today))
        report(violation);
    } catch (error) {
      // Left alone, the SDK warns of each value that is not known yet, such as the digest of an image still to be
      // built: fifty warnings on a first preview. An update asks again before it makes the resource, and knows.
      if (error instanceof Error && error.constructor.name === "UnknownValueError") asked.notApplicable(error.message);
      throw error;
    }
  },
});

new PolicyPack("berth", { enforcementLevel: "mandatory", policies: rules.map(policyOf) });
