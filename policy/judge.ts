/** A rule applied to a resource: what it looks at, who is exempt, and the text of a violation. */
import type { Exemption } from "./exemptions.ts";
import { type Container, type Image, labelOf, type Resource, type Rule, runs, type Violation } from "./rule.ts";

/** @param today As 2026-12-31: an exemption counts up to and including its last day. */
export function judge(
  rule: Rule,
  resource: Resource,
  exemptions: readonly Exemption[],
  today: string,
): readonly string[] {
  const found = violationsOf(rule, resource);
  if (found.length === 0) return [];
  const service = labelOf(resource.props, "berth.service");
  const exemption = exemptions.find((one) => one.rule === rule.name && one.service === service);
  if (exemption && exemption.until >= today) return [];
  return found.map((violation) => textOf(violation) + (exemption ? expired(exemption) : ""));
}

function violationsOf(rule: Rule, resource: Resource): readonly Violation[] {
  const { props } = resource;
  switch (resource.type) {
    case "docker:index/container:Container": {
      const container = props as Container;
      return [
        ...(rule.container?.(container, resource) ?? []),
        ...(runs(container) ? (rule.running?.(container, resource) ?? []) : []),
      ];
    }
    case "docker:index/network:Network":
      return rule.network?.(props, resource) ?? [];
    case "docker:index/volume:Volume":
      return rule.volume?.(props, resource) ?? [];
    case "docker:index/image:Image":
      return rule.image?.(props as Image, resource) ?? [];
    default:
      return [];
  }
}

const textOf = ({ wrong, got, allowed, fix }: Violation): string =>
  `${wrong}: ${got}\n  allowed: ${allowed}\n  fix:     ${fix}`;

const expired = ({ until, reason }: Exemption): string =>
  `\n  exempt:  only until ${until} (${reason}). Keep to the rule, or set a new end in policy/exemptions.ts if the reason still holds`;
