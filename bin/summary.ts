/** What a person does next, after an up. */
import type { Plan } from "../plan/types.ts";

export function summary({ stack, urls, off, system, environment, publicUrl }: Plan): string {
  const width = Math.max(...Object.keys(urls).map((name) => name.length));
  return `
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
${off.length ? `\nSwitched off here: ${off.join(", ")}.` : ""}`;
}
