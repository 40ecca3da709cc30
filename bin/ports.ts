/** Host ports that an up would need and another program holds. */
import { connect } from "node:net";
import { type Docker, lines } from "../config/docker-client.ts";
import { type Problem, setCommand } from "../config/problems.ts";
import type { Plan } from "../plan/types.ts";

/** Whether something accepts connections there, within a second. */
export const answers = (host: string, port: number): Promise<boolean> =>
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
async function holders(docker: Docker): Promise<Map<number, string>> {
  const format = '{{.Label "berth.stack"}} {{.Ports}}';
  const found = await lines(docker("ps", "--filter", "label=berth.stack", "--format", format));
  return new Map(
    found.flatMap((line) =>
      [...line.matchAll(/:(\d+)->/g)].map(([, port]): [number, string] => [Number(port), line.split(" ")[0]!]),
    ),
  );
}

/** @param docker The client of this machine's engine. */
export async function takenPorts({ stack, services }: Plan, docker: Docker): Promise<Problem[]> {
  const held = await holders(docker);
  const ports = services.flatMap((service) => service.ports).filter(({ external }) => held.get(external) !== stack);
  const open = await Promise.all(ports.map(({ ip, external }) => answers(ip, external)));
  return ports
    .filter((_, n) => open[n])
    .map(({ endpoint, external }) => ({
      key: `berth:ports.${endpoint}`,
      got: `port ${external} is held by ${held.has(external) ? `stack ${held.get(external)!}` : "another program"} on this machine`,
      allowed: "a free port",
      fix: `${setCommand("berth:portOffset", 100, stack)}   (or end the other: ${held.has(external) ? `bin/down ${held.get(external)!}` : `ss -ltnp sport = :${external}`})`,
    }));
}
