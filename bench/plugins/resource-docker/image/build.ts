/**
 * Builds and pushes. The build goes through Debian's docker command with its built-in BuildKit client: it sends the
 * context with owner 0:0 and follows .dockerignore, as the real provider's archive does.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { cancelled } from "../../shared/serve.ts";
import type { Subject } from "../../shared/resource.ts";
import { isObject, str } from "../../shared/wire.ts";
import type { Props } from "../../shared/wire.ts";
import { EngineError } from "../engine.ts";
import { authHeader, docker, registryOf } from "../host.ts";
import { loginOf } from "../login.ts";
import { inspectImage } from "../images.ts";
import type { ImageInspection } from "../images.ts";

const TAIL = 30;

/** A docker command that can drive BuildKit by itself: from version 23 on it cannot without the buildx plugin. */
let found: string | undefined;
function dockerCommand(): string {
  const candidates = [process.env["BERTH_DOCKER_CLI"], "/usr/bin/docker", "docker"].filter(
    (path) => path !== undefined,
  );
  found ??= candidates.find((path) => {
    try {
      if (path.startsWith("/") && !existsSync(path)) return false;
      const version = execFileSync(path, ["--version"], { encoding: "utf8" });
      if (Number.parseInt(/version (\d+)/.exec(version)?.[1] ?? "99") < 23) return true;
      execFileSync(path, ["buildx", "version"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined)
    throw new Error("no docker command with BuildKit was found; install docker.io, or name one in BERTH_DOCKER_CLI");
  return found;
}

function buildArguments(inputs: Props): string[] {
  const build = inputs["build"] as Props;
  const flags: string[] = ["build", "--tag", str(inputs["imageName"]), "--file", str(build["dockerfile"])];
  if (build["platform"]) flags.push("--platform", str(build["platform"]));
  if (build["target"]) flags.push("--target", str(build["target"]));
  if (build["network"]) flags.push("--network", str(build["network"]));
  for (const host of (build["addHosts"] ?? []) as string[]) flags.push("--add-host", host);
  // Only the names: the values travel in the environment, out of the sight of a process list.
  for (const name of Object.keys(isObject(build["args"]) ? build["args"] : {})) flags.push("--build-arg", name);
  const cache = build["cacheFrom"];
  for (const image of ((isObject(cache) ? cache["images"] : undefined) ?? []) as string[])
    flags.push("--cache-from", image);
  if (build["builderVersion"] !== "BuilderV1") flags.push("--progress", "plain");
  return [...flags, str(build["context"])];
}

function environment(inputs: Props): NodeJS.ProcessEnv {
  const build = inputs["build"] as Props;
  return {
    ...process.env,
    ...((isObject(build["args"]) ? build["args"] : {}) as { [name: string]: string }),
    DOCKER_HOST: docker().host,
    DOCKER_BUILDKIT: build["builderVersion"] === "BuilderV1" ? "0" : "1",
  };
}

/** Every line of the build is shown as it comes; the last ones are the error where the build fails. */
async function run(inputs: Props, subject: Subject): Promise<void> {
  const tail: string[] = [];
  const child = spawn(dockerCommand(), buildArguments(inputs), {
    env: environment(inputs),
    stdio: ["ignore", "pipe", "pipe"],
    signal: cancelled,
  });
  const take = (stream: NodeJS.ReadableStream): void => {
    let rest = "";
    stream.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString("utf8")).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines.map((text) => text.trimEnd()).filter(Boolean)) {
        subject.status(line);
        tail.push(line);
        if (tail.length > TAIL) tail.shift();
      }
    });
    stream.on("end", () => rest !== "" && tail.push(rest));
  };
  take(child.stdout);
  take(child.stderr);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  if (code === 0) return;
  // The real provider gives the last line alone; what led to it is worth more.
  const told = tail.filter((line) => !/^#\d+ sha256:/.test(line));
  throw new Error(
    `error reading build output: ${told.at(-1) ?? `docker build exited with ${code}`}\n\nThe last lines of the build:\n${told.join("\n")}`,
  );
}

export async function buildImage(inputs: Props, subject: Subject): Promise<ImageInspection> {
  subject.status("Starting Docker build");
  await run(inputs, subject);
  const image = await inspectImage(str(inputs["imageName"]));
  if (image === undefined) throw new Error("unable to find built image in local image store");
  subject.status(`Image built successfully, local id "${image.Id}"`);
  return image;
}

/** The real provider's words for what the engine says of a push: a refused log-in comes as a bare "EOF" (1.2). */
function pushFailed(error: unknown): never {
  const { message } = error as Error;
  const told =
    error instanceof EngineError && error.status === 401
      ? "authentication is required"
      : message === "EOF"
        ? "EOF\n: This error is most likely due to incorrect or mismatched registry credentials. Please double check you are using the correct credentials and registry name"
        : message;
  throw new Error(`error reading push output: ${told}`, { cause: error });
}

/**
 * Pushes, and gives the digest that the registry answered with. Without credentials of its
 * own it goes by the docker client's log-in.
 */
export async function pushImage(inputs: Props, image: ImageInspection, subject: Subject): Promise<string> {
  const name = str(inputs["imageName"]);
  const registry = isObject(inputs["registry"]) ? inputs["registry"] : {};
  const { username, password, server } = registry;
  const address = str(server || registryOf(name)).replace(/^https?:\/\//, "");
  const login = username && password ? { username: str(username), password: str(password) } : loginOf(address);
  const credentials = login && { ...login, serveraddress: address };
  const colon = name.lastIndexOf(":");
  const tagged = colon > name.lastIndexOf("/");
  const repository = tagged ? name.slice(0, colon) : name;
  let digest: string | undefined;
  subject.status("Pushing Image to the registry");
  await docker()
    .stream(
      "POST",
      `/images/${repository}/push`,
      { query: { tag: tagged ? name.slice(colon + 1) : "latest" }, headers: authHeader(credentials) },
      ({ status, id, aux }) => {
        digest = aux?.Digest ?? digest;
        if (status !== undefined) subject.status([id, status].filter(Boolean).join(": "));
      },
    )
    .catch(pushFailed);
  if (digest !== undefined) return `${repository}@${digest}`;
  subject.log("Push completed without reporting a digest; falling back to local image inspect");
  const pushed = await inspectImage(image.Id);
  return (pushed?.RepoDigests ?? []).find((reference) => reference.startsWith(`${repository}@`)) ?? "<none>@<none>";
}
