import { labelOf, type Rule, type Violation } from "../rule.ts";

const LOOPBACK = "127.0.0.1";
/** The service that users reach; systems/parts/edge.ts. */
const EDGE = "edge";

export const publishedPorts: Rule = {
  name: "published-ports",
  description: "Only the edge is reached from beyond the machine.",
  container: (container): readonly Violation[] => {
    const { ports = [], publishAllPorts } = container;
    const fix = `publish on ${LOOPBACK}, and give the service a \`route\` through the edge if users need it`;
    const open = labelOf(container, "berth.service") === EDGE ? [] : ports.filter(({ ip }) => ip !== LOOPBACK);
    return [
      ...open.map(({ ip, external, internal }) => ({
        wrong: "published beyond the machine",
        got: `${ip || "0.0.0.0"}:${external ?? "any"} for port ${internal}`,
        allowed: `${LOOPBACK}; any address for the service ${EDGE} only`,
        fix,
      })),
      ...(publishAllPorts
        ? [{ wrong: "every port of the image is published", got: "publishAllPorts is true", allowed: "false", fix }]
        : []),
    ];
  },
};
