/**
 * A further api and a further worker beside those of a stack, whose clock is off. All containers of a machine have its clock, and that
 * must not be moved: a library stands between these two and it (clock.c). What they wait by, the monotonic clock, goes right, as on a real machine.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addresses } from "./reach.ts";
import { command, docker, eventually, type Project } from "./project.ts";

const IMAGE = "localhost/berth-test/clock";
const NAME = "berth-e2e-clock";
const LIBRARY = "/usr/local/lib/clock.so";
const SOURCE = readFileSync(join(import.meta.dirname, "clock.c")).toString("base64");

export class Clocks {
  readonly #project: Project;
  readonly #skew: number;
  #sockets: WebSocket[] = [];
  api = "";
  constructor(project: Project, skew: number) {
    this.#project = project;
    this.#skew = skew;
  }

  async start(): Promise<void> {
    const from = await docker("inspect", "--format", "{{.Image}}", (await this.#project.running("api"))[0]!);
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
    for (const service of ["api", "worker"]) await this.#twin(service);
    this.api = `http://${[...(await addresses(`${NAME}-api`)).values()][0]}:8000`;
    await eventually(async () => {
      if ((await fetch(`${this.api}/ready`)).status !== 200) throw new Error("the api with another clock is not ready");
    }, 60);
  }

  /** A container as the first of a service is, with its files, networks and environment. */
  async #twin(service: string): Promise<void> {
    const [like] = await this.#project.running(service);
    const { Env, Cmd } = JSON.parse(await docker("inspect", "--format", "{{json .Config}}", like!)) as {
      Env: string[];
      Cmd: string[];
    };
    const file = join(this.#project.dir, "clock.env");
    writeFileSync(file, [...Env, `LD_PRELOAD=${LIBRARY}`, `CLOCK_SKEW=${this.#skew}`].join("\n"));
    const networks = [...(await addresses(like!)).keys()];
    await docker(
      "create",
      "--init",
      "--name",
      `${NAME}-${service}`,
      "--volumes-from",
      `${like}:ro`,
      "--env-file",
      file,
      "--network",
      networks[0]!,
      IMAGE,
      ...Cmd,
    );
    for (const network of networks.slice(1)) await docker("network", "connect", network, `${NAME}-${service}`);
    await docker("start", `${NAME}-${service}`);
    rmSync(file);
  }

  /** Listens at the api with the other clock. @returns what came so far. */
  async stream(token: string): Promise<() => string> {
    const socket = new WebSocket(`${this.api.replace("http", "ws")}/v1/stream`, ["bearer", token]);
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
    await command("docker", ["rm", "-f", `${NAME}-api`, `${NAME}-worker`]);
    await command("docker", ["image", "rm", IMAGE]);
  }
}
