/** Refuses an up whose host ports another program holds: node bin/ports.ts [stack] */
import { execFileSync } from "node:child_process";
import { connect } from "node:net";
import { ProblemsError, setCommand } from "../config/problems.ts";
import { engineOf, main, planOf, useEngineOf } from "./stack.ts";

const answers = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: host === "0.0.0.0" ? "127.0.0.1" : host, port, timeout: 1000 });
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket
      .once("connect", () => end(true))
      .once("error", () => end(false))
      .once("timeout", () => end(false));
  });

/** Host port → stack of this program whose container holds it. */
function holders(): Map<number, string> {
  const lines = execFileSync(
    "docker",
    ["ps", "--filter", "label=berth.stack", "--format", '{{.Label "berth.stack"}} {{.Ports}}'],
    { encoding: "utf8" },
  ).split("\n");
  return new Map(
    lines.flatMap((line) =>
      [...line.matchAll(/:(\d+)->/g)].map(([, port]): [number, string] => [Number(port), line.split(" ")[0]!]),
    ),
  );
}

await main(async (stack) => {
  useEngineOf(stack);
  const held = holders();
  // Of another machine's ports nothing is known here: its engine refuses what is taken.
  const ports =
    engineOf(stack) === undefined
      ? planOf(stack)
          .services.flatMap((service) => service.ports)
          .filter(({ external }) => held.get(external) !== stack)
      : [];
  const taken = (
    await Promise.all(ports.map(async (port) => ({ port, open: await answers(port.ip, port.external) })))
  ).filter(({ open }) => open);
  if (taken.length)
    throw new ProblemsError(
      stack,
      taken.map(({ port: { endpoint, external } }) => ({
        key: `berth:ports.${endpoint}`,
        got: `port ${external} is held by ${held.has(external) ? `stack ${held.get(external)!}` : "another program"} on this machine`,
        allowed: "a free port",
        fix: `${setCommand("berth:portOffset", 100, stack)}   (or end the other: ${held.has(external) ? `bin/down ${held.get(external)!}` : `ss -ltnp sport = :${external}`})`,
      })),
    );
});
