/** What a person does next, after an up. */
import type { Plan, PlannedService } from "../plan/types.ts";

/** What the edge asks of whoever has the shortest public path, before it lets anybody in. */
const entrance = (services: readonly PlannedService[]): string =>
  services
    .flatMap(({ route }) => (route?.public === undefined ? [] : [route]))
    .sort((one, other) => one.public!.length - other.public!.length)[0]?.check ?? "/";

export function summary({ stack, urls, off, system, environment, publicUrl, services }: Plan): string {
  const width = Math.max(...Object.keys(urls).map((name) => name.length));
  return `
${system} (${environment}) is up and healthy.

${Object.entries(urls)
  .map(([name, url]) => `  ${name.padEnd(width)}  ${url}`)
  .join("\n")}

  passwords    pulumi stack output credentials --show-secrets --stack ${stack}
  try it       curl ${publicUrl}${entrance(services)}
  next         bin/preview ${stack}   what a change would do
               bin/up ${stack}        apply it
               bin/down ${stack}      stop, keeping the data
  plain pulumi eval "$(bin/env)"; pulumi preview --stack ${stack}
${off.length ? `\nSwitched off here: ${off.join(", ")}.` : ""}`;
}
