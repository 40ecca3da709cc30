/**
 * A further front and a further worker beside those of a stack, whose clock is off. All containers of a machine have
 * its clock, and that must not be moved: a library stands between these two and it (clock.c). What they wait by, the
 * monotonic clock, goes right, as on a real machine.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addresses } from "./reach.ts";
import { command, docker, eventually } from "./command.ts";
import type { Stack } from "./stack.ts";

const IMAGE = "localhost/berth-test/clock";
const NAME = "berth-e2e-clock";
const LIBRARY = "/usr/local/lib/clock.so";
const SOURCE = readFileSync(join(import.meta.dirname, "clock.c")).toString("base64");

export class Clocks {
  readonly #stack: Stack;
  readonly #skew: number;
  #sockets: WebSocket[] = [];
  /** URL of the front with the other clock. */
  url = "";
  /** @param skew Seconds. */
  constructor(stack: Stack, skew: number) {
    this.#stack = stack;
    this.#skew = skew;
  }

  async start(): Promise<void> {
    const { project, driver } = this.#stack;
    const front = project.known.behind(driver.paths.light);
    const from = await docker("inspect", "--format", "{{.Image}}", (await project.running(front.name))[0]!);
    const build = [
      "FROM python:3.11-slim AS library",
      "RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev",
      `RUN echo ${SOURCE} | base64 -d > /clock.c && gcc -shared -fPIC -o ${LIBRARY} /clock.c`,
      `FROM ${from}`,
      `COPY --from=library ${LIBRARY} ${LIBRARY}`,
      "",
    ].join("\n");
    const { code, output } = await command("docker", ["build", "-t", IMAGE, "-"], {
      input: build,
      env: { DOCKER_BUILDKIT: "0" },
    });
    if (code !== 0) throw new Error(output);
    await this.#twin(front.name, "front");
    await this.#twin(driver.jobs.worker, "worker");
    this.url = `http://${[...(await addresses(`${NAME}-front`)).values()][0]}:${front.port}`;
    const container = `${NAME}-front`;
    await eventually(() => this.#stack.check(front.name, container), 60);
  }

  /** A container as the first of a service is, with its files, networks and environment. */
  async #twin(service: string, role: string): Promise<void> {
    const { project } = this.#stack;
    const [like] = await project.running(service);
    const { Env, Cmd } = JSON.parse(await docker("inspect", "--format", "{{json .Config}}", like!)) as {
      Env: string[];
      Cmd: string[];
    };
    const file = join(project.dir, "clock.env");
    writeFileSync(file, [...Env, `LD_PRELOAD=${LIBRARY}`, `CLOCK_SKEW=${this.#skew}`].join("\n"));
    const networks = [...(await addresses(like!)).keys()];
    await docker(
      "create",
      "--init",
      "--name",
      `${NAME}-${role}`,
      "--volumes-from",
      `${like}:ro`,
      "--env-file",
      file,
      "--network",
      networks[0]!,
      IMAGE,
      ...Cmd,
    );
    for (const network of networks.slice(1)) await docker("network", "connect", network, `${NAME}-${role}`);
    await docker("start", `${NAME}-${role}`);
    rmSync(file);
  }

  /** Listens at the front with the other clock. @returns what came so far. */
  async stream(token: string): Promise<() => string> {
    const socket = new WebSocket(`${this.url.replace("http", "ws")}/v1/stream`, ["bearer", token]);
    this.#sockets.push(socket);
    let text = "";
    socket.addEventListener("message", ({ data }) => {
      text += String(data);
    });
    await eventually(
      () => (text.includes("ready") ? Promise.resolve() : Promise.reject(new Error("the stream does not begin"))),
      10,
    );
    return () => text;
  }
  workerLog(): Promise<string> {
    return docker("logs", `${NAME}-worker`);
  }

  async remove(): Promise<void> {
    for (const socket of this.#sockets) socket.close();
    await command("docker", ["rm", "-f", `${NAME}-front`, `${NAME}-worker`]);
    await command("docker", ["image", "rm", IMAGE]);
  }
}
