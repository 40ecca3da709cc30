/** Refuses an up whose host ports another program holds: node bin/ports.ts [stack] */
import { execFileSync } from "node:child_process";
import { connect } from "node:net";
import { ProblemsError, setCommand } from "../config/problems.ts";
import { planOf } from "./stack.ts";

const stack = process.argv[2] ?? "dev";

const answers = (host: string, port: number): Promise<boolean> => new Promise((resolve) => {
  const socket = connect({ host: host === "0.0.0.0" ? "127.0.0.1" : host, port, timeout: 1000 });
  const end = (open: boolean) => { socket.destroy(); resolve(open); };
  socket.once("connect", () => end(true)).once("error", () => end(false)).once("timeout", () => end(false));
});

/** Host ports that this stack's own containers hold. */
const ours = (): Set<string> => new Set(execFileSync("docker", ["ps", "--filter", `label=berth.stack=${stack}`, "--format", "{{.Ports}}"], { encoding: "utf8" })
  .match(/:(\d+)->/g)?.map((match) => match.slice(1, -2)) ?? []);

try {
  const mine = ours();
  const ports = planOf(stack).services.flatMap((service) => service.ports).filter(({ external }) => !mine.has(String(external)));
  const taken = (await Promise.all(ports.map(async (port) => ({ port, open: await answers(port.ip, port.external) })))).filter(({ open }) => open);
  if (taken.length) throw new ProblemsError(stack, taken.map(({ port: { endpoint, external } }) => ({
    key: `berth:ports.${endpoint}`, got: `port ${external} is held by another program on this machine`, allowed: "a free port",
    fix: `${setCommand("berth:portOffset", 100, stack)}   (or end the other program: ss -ltnp sport = :${external})`,
  })));
} catch (error) {
  if (!(error instanceof ProblemsError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
