/** Prints the plan of a stack, without an engine: npm run plan [stack] [-- --json] */
import { main, planOf } from "./stack.ts";
import { routesOf } from "../plan/routes.ts";
import type { PlannedService } from "../plan/types.ts";

const table = (rows: readonly (readonly string[])[]): string => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
};

const row = (service: PlannedService): string[] => [
  service.name,
  service.tier,
  service.kind,
  String(service.replicas),
  `${service.limits.memory} MiB`,
  String(service.limits.cpus),
  service.networks.join(" ") || "-",
  service.ports.map(({ ip, external, internal }) => `${ip}:${external}→${internal}`).join(" ") || "-",
  routesOf(service)
    .flatMap(({ public: path, internal }) => [path, internal && `internal :${internal}`])
    .filter(Boolean)
    .join(" ") || "-",
  service.after.join(" ") || "-",
];

await main((stack) => {
  const plan = planOf(stack);
  if (process.argv.includes("--json")) {
    console.log(JSON.stringify(plan, null, 2));
    return;
  }
  console.log(`${plan.system} in ${plan.environment} (stack ${plan.stack}), in start order\n`);
  console.log(
    table([
      ["service", "tier", "kind", "n", "memory", "cpus", "networks", "ports", "route", "after"],
      ...plan.services.map(row),
    ]),
  );
  console.log(
    `\n${Object.entries(plan.urls)
      .map(([name, url]) => `${name}: ${url}`)
      .join("\n")}`,
  );
  if (plan.off.length) console.log(`\nswitched off: ${plan.off.join(", ")}`);
});
