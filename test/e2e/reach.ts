/** Who can open a connection to whom, tried from inside a container's own network. */
import { TOOLS } from "./engine.ts";
import { docker } from "./support.ts";

/** Runs a line of bash in the network of a container, as nobody, whatever its image has. */
const inside = (container: string, line: string, ...args: readonly string[]): Promise<string> =>
  docker("run", "--rm", "--network", `container:${container}`, "--user", "65534:65534", "--entrypoint", "bash", TOOLS, "-c", line, "_", ...args);

/** Which of these `address:port` a container opens a connection to. Those that do not answer are given two seconds, all at once. */
export async function reached(container: string, targets: readonly string[]): Promise<string[]> {
  const attempt = 'for at in "$@"; do (timeout 2 bash -c "exec 3<> /dev/tcp/${at/:/\\/}" 2> /dev/null && echo "$at") & done; wait';
  return (await inside(container, attempt, ...targets)).split("\n").filter(Boolean).sort();
}

/** Whether a container has a way to addresses beyond its own networks. */
export const hasWayOut = async (container: string): Promise<boolean> => /^\S+\t00000000\t/m.test(await inside(container, "cat /proc/net/route"));

/** Network → address of a container on it. */
export async function addresses(container: string): Promise<Map<string, string>> {
  const networks = JSON.parse(await docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", container)) as Record<string, { IPAddress: string }>;
  return new Map(Object.entries(networks).map(([name, { IPAddress }]): [string, string] => [name, IPAddress]).filter(([, address]) => address !== ""));
}

/** The container at a port, by each of its addresses. */
export const at = async (container: string, port: number): Promise<string[]> => [...(await addresses(container)).values()].map((address) => `${address}:${port}`);
