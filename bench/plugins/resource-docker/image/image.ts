/** docker:index/image:Image. Every change is an update; nothing is ever replaced, read back or deleted (1.4). */
import { existsSync } from "node:fs";
import { isAbsolute, join, relative } from "node:path";
import type { CheckArgs, Resource, Subject } from "../../shared/resource.ts";
import type { Change, Changes } from "../../shared/difference.ts";
import type { Failure } from "../../shared/table.ts";
import { hasUnknown, isObject, secret, str, UNKNOWN } from "../../shared/wire.ts";
import type { Json, Props } from "../../shared/wire.ts";
import { buildImage, pushImage } from "./build.ts";
import { contextDigest } from "./digest.ts";

const ARCHITECTURES: { readonly [node: string]: string } = { x64: "amd64", arm64: "arm64", arm: "arm", ia32: "386" };

/** The machine's own platform: another machine then sees a difference, so a program should name one (1.3). */
const platform = (): string => `linux/${ARCHITECTURES[process.arch] ?? process.arch}`;

const known = (value: Json | undefined): boolean => value !== UNKNOWN;

function checkDockerfile(context: string, dockerfile: string): void {
  if (existsSync(dockerfile)) return;
  if (isAbsolute(dockerfile))
    throw new Error(`expected a relative Dockerfile path; got "${dockerfile}" instead: no such file or directory`);
  const inside = join(context, dockerfile);
  const hint = existsSync(inside) ? `. Try setting \`dockerfile\` to "${inside}"` : ": no such file or directory";
  throw new Error(`could not open dockerfile at relative path "${dockerfile}"${hint}`);
}

function checkedBuild(given: Json | undefined, args: CheckArgs): Json {
  if (given === UNKNOWN) return given;
  const build: Props = isObject(given) ? { ...given } : {};
  if (known(build["context"])) build["context"] ??= ".";
  if (known(build["dockerfile"]) && known(build["context"])) {
    build["dockerfile"] ??= join(str(build["context"]), "Dockerfile");
    checkDockerfile(str(build["context"]), str(build["dockerfile"]));
    build["contextDigest"] = contextDigest(str(build["context"]), str(build["dockerfile"]));
  }
  if (build["platform"] === undefined) {
    build["platform"] = platform();
    args.log(
      `Building your image for ${platform()} architecture.\nTo ensure you are building for the correct platform, consider ` +
        "explicitly setting the `platform` field on ImageBuildOptions.",
    );
  }
  return build;
}

/** A push, and a cache to pull from, need to know the registry. */
function qualified(inputs: Props): Failure[] {
  const { imageName: name, build, registry } = inputs;
  const cached = isObject(build) && isObject(build["cacheFrom"]);
  const server = isObject(registry) ? registry["server"] : undefined;
  if (typeof name !== "string" || name === UNKNOWN || (inputs["skipPush"] === true && !cached) || server) return [];
  if (/^([^/]+[.:][^/]*|localhost)\/.+/.test(name)) return [];
  throw new Error(
    `"${name}": repository name must be canonical.\nThis resource requires all image names to be fully qualified.\n` +
      "For example, if you are attempting to push to Dockerhub, prefix your image name with `docker.io`:\n\n`docker.io/repository/image:tag`",
  );
}

/** Compared with the inputs of the last build: the credentials of the registry do not count. */
function changesOf(before: Props, after: Props): Changes {
  const changes = new Map<string, Change>();
  const text = (key: string, value: Json | undefined): string | undefined => {
    if (value === undefined || value === null) return undefined;
    return JSON.stringify(key === "registry" && isObject(value) ? (value["server"] ?? "") : sorted(value));
  };
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [text(key, before[key]), text(key, after[key])];
    if (was !== is || hasUnknown(after[key])) {
      changes.set(key, { kind: was === undefined ? "add" : is === undefined ? "delete" : "update", replace: false });
    }
  }
  return changes;
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  return isObject(value)
    ? Object.fromEntries(
        Object.entries(value)
          .sort()
          .map(([key, inner]) => [key, sorted(inner)]),
      )
    : value;
}

async function built(inputs: Props, subject: Subject, preview: boolean): Promise<Props> {
  const image = await buildImage(inputs, subject);
  const build = inputs["build"] as Props;
  const registry = isObject(inputs["registry"]) ? inputs["registry"] : {};
  const local = inputs["skipPush"] === true || preview;
  return {
    imageName: inputs["imageName"]!,
    baseImageName: inputs["imageName"]!,
    registryServer: registry["server"] ?? "",
    context: build["context"]!,
    dockerfile: relative(str(build["context"]), str(build["dockerfile"])),
    platform: build["platform"] ?? "",
    repoDigest: local ? image.Id : await pushImage(inputs, image, subject),
    // The whole of the inputs as one secret: build arguments and credentials are among them (1.6).
    __inputs: secret(inputs),
  };
}

const buildsNow = (inputs: Props): boolean =>
  inputs["buildOnPreview"] === true && !hasUnknown(inputs["build"]) && !hasUnknown(inputs["imageName"]);

export const image: Resource = {
  check(args) {
    const inputs: Props = { ...args.news, buildOnPreview: args.news["buildOnPreview"] ?? false };
    if (inputs["imageName"] === undefined)
      return { inputs, failures: [{ property: "imageName", reason: "Missing required property 'imageName'" }] };
    inputs["build"] = checkedBuild(inputs["build"], args);
    return { inputs, failures: qualified(inputs) };
  },
  diff: ({ olds, oldInputs, news, ignored }) => {
    const changes = changesOf(isObject(olds["__inputs"]) ? olds["__inputs"] : oldInputs, news);
    for (const name of ignored) changes.delete(name);
    return { changes, deleteFirst: false };
  },
  async create(args) {
    // A preview does not build: without a digest among the outputs, the SDK holds it for unknown.
    if (args.preview && !buildsNow(args.inputs)) return { id: "", outputs: args.inputs };
    return { id: str(args.inputs["imageName"]), outputs: await built(args.inputs, args, args.preview) };
  },
  read: ({ id, inputs, outputs }) =>
    Promise.resolve({
      id,
      inputs,
      outputs: { ...outputs, ...(isObject(outputs["__inputs"]) && { __inputs: secret(outputs["__inputs"]) }) },
    }),
  async update(args) {
    if (args.preview && !buildsNow(args.inputs)) return args.inputs;
    return built(args.inputs, args, args.preview);
  },
  delete: () => Promise.resolve(),
};
