/** Who can open a connection to whom, tried from inside a container's own network. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { TOOLS } from "./engine.ts";
import { command, docker, good } from "./command.ts";

/** Runs a line of bash in the network of a container, as nobody, whatever its image has. */
const inside = (container: string, line: string, ...args: readonly string[]): Promise<string> =>
  docker(
    "run",
    "--rm",
    "--network",
    `container:${container}`,
    "--user",
    "65534:65534",
    "--entrypoint",
    "bash",
    TOOLS,
    "-c",
    line,
    "_",
    ...args,
  );

/**
 * Which of these `address:port` a container opens a connection to. Those that do not
 * answer are given two seconds, all at once.
 */
export async function reached(container: string, targets: readonly string[]): Promise<string[]> {
  const attempt =
    'for at in "$@"; do (timeout 2 bash -c "exec 3<> /dev/tcp/${at/:/\\/}" 2> /dev/null && echo "$at") & done; wait';
  return (await inside(container, attempt, ...targets)).split("\n").filter(Boolean).sort();
}

/** Network → address of a container on it. */
export async function addresses(container: string): Promise<Map<string, string>> {
  const networks = JSON.parse(
    await docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", container),
  ) as Record<string, { IPAddress: string }>;
  return new Map(
    Object.entries(networks)
      .map(([name, { IPAddress }]): [string, string] => [name, IPAddress])
      .filter(([, address]) => address !== ""),
  );
}

/** The container at a port, by each of its addresses. */
export const at = async (container: string, port: number): Promise<string[]> =>
  [...(await addresses(container)).values()].map((address) => `${address}:${port}`);

/**
 * Another machine, as a container sees it: a network namespace behind this one. This machine's own addresses would not
 * do, because the engine keeps containers of an internal network from what is beyond it, not from itself. Needs root.
 */
export class Outside {
  readonly target = "198.18.77.2:9";
  #server: ChildProcess | undefined;

  async open(): Promise<this> {
    await this.close();
    for (const line of [
      "netns add berth-outside",
      "link add berth-out type veth peer name out netns berth-outside",
      "addr add 198.18.77.1/30 dev berth-out",
      "link set berth-out up",
      "-n berth-outside addr add 198.18.77.2/30 dev out",
      "-n berth-outside link set out up",
    ])
      await good(command("ip", line.split(" ")));
    this.#server = spawn("ip", [
      "netns",
      "exec",
      "berth-outside",
      process.execPath,
      "-e",
      'require("net").createServer((socket) => socket.end()).listen(9, "198.18.77.2", () => console.log("listens"))',
    ]);
    await once(this.#server.stdout!, "data");
    return this;
  }
  /** The link goes with its namespace. */
  async close(): Promise<void> {
    this.#server?.kill("SIGKILL");
    await command("ip", ["netns", "delete", "berth-outside"]);
  }
}

/** Address of a container on a network of its stack: `app`, `data`. */
export async function addressOn(container: string, network: string): Promise<string> {
  const found = [...(await addresses(container))].find(([name]) =>
    new RegExp(`-${network}(-[0-9a-f]{7})?$`).test(name),
  );
  if (!found) throw new Error(`${container} is not on ${network}`);
  return found[1];
}
