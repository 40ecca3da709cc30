/** What a person does next, after an up: node bin/summary.ts [stack] */
import { planOf } from "./stack.ts";

const stack = process.argv[2] ?? "dev";
const { urls, off, system, environment, publicUrl } = planOf(stack);
const width = Math.max(...Object.keys(urls).map((name) => name.length));
console.log(`
${system} (${environment}) is up and healthy.

${Object.entries(urls)
  .map(([name, url]) => `  ${name.padEnd(width)}  ${url}`)
  .join("\n")}

  passwords    pulumi stack output credentials --show-secrets --stack ${stack}
  try it       curl ${publicUrl}/ready
  next         bin/preview ${stack}   what a change would do
               bin/up ${stack}        apply it
               bin/down ${stack}      stop, keeping the data
  plain pulumi eval "$(bin/env)"; pulumi preview --stack ${stack}
${off.length ? `\nSwitched off here: ${off.join(", ")}.` : ""}`);
