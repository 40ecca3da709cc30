/** What the CLI asks about a project: its dependencies, how to install them, and which Node runs it. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import langpb from "@pulumi/pulumi/proto/language_pb.js";
import type grpc from "@grpc/grpc-js";
import type * as lang from "@pulumi/pulumi/proto/language_pb.js";

interface Manifest {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

function manifest(path: string): Manifest {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Manifest;
  } catch {
    return {};
  }
}

/** For `pulumi about`: the direct dependencies, with the installed version where there is one. */
export function programDependencies(request: lang.GetProgramDependenciesRequest): lang.GetProgramDependenciesResponse {
  const directory = request.getInfo()?.getProgramDirectory() || request.getPwd();
  const response = new langpb.GetProgramDependenciesResponse();
  const { dependencies = {} } = manifest(join(directory, "package.json"));
  for (const [name, range] of Object.entries(dependencies).sort()) {
    const dependency = new langpb.DependencyInfo();
    dependency.setName(name);
    dependency.setVersion(manifest(join(directory, "node_modules", name, "package.json")).version ?? range);
    response.addDependencies(dependency);
  }
  return response;
}

export function about(): lang.AboutResponse {
  const response = new langpb.AboutResponse();
  response.setExecutable(process.execPath);
  response.setVersion(`${process.version} (bench stand-in for Pulumi's language host)`);
  return response;
}

/** `pulumi install`: npm, in the directory that the CLI names. */
export function installDependencies(
  call: grpc.ServerWritableStream<lang.InstallDependenciesRequest, lang.InstallDependenciesResponse>,
): void {
  const directory = call.request.getInfo()?.getProgramDirectory() || call.request.getDirectory();
  const child = spawn("npm", ["install", "--no-audit", "--no-fund"], { cwd: directory });
  const forward =
    (write: (response: lang.InstallDependenciesResponse, bytes: Uint8Array) => void) => (bytes: Buffer) => {
      const response = new langpb.InstallDependenciesResponse();
      write(response, bytes);
      call.write(response);
    };
  child.stdout.on(
    "data",
    forward((response, bytes) => response.setStdout(bytes)),
  );
  child.stderr.on(
    "data",
    forward((response, bytes) => response.setStderr(bytes)),
  );
  child.on("error", (error) => call.emit("error", { code: 2, message: `cannot start npm: ${error.message}` }));
  child.on("close", (code) =>
    code === 0
      ? call.end()
      : call.emit("error", { code: 2, message: `npm install exited with code ${code} in ${directory}` }),
  );
}
