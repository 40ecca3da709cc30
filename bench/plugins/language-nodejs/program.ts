/** Runs a Pulumi program with the SDK's own runner, `@pulumi/pulumi/cmd/run`. */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import langpb from "@pulumi/pulumi/proto/language_pb.js";
import type { ProgramInfo, RunRequest, RunResponse } from "@pulumi/pulumi/proto/language_pb.js";
import { cancelled } from "../shared/serve.ts";

/** The SDK's runner exits with this when it has told the person everything: the engine then adds nothing. */
const BAIL = 32;

export interface Options {
  readonly typescript?: boolean;
  readonly nodeargs?: string;
  readonly packagemanager?: string;
}

export const optionsOf = (info: ProgramInfo | undefined): Options => info?.getOptions()?.toJavaScript() ?? {};

/** Resolved from the project, so that the program and its runner share one copy of the SDK. */
export function resolveRunner(directory: string, name: string): string {
  try {
    return createRequire(join(directory, "package.json")).resolve(`@pulumi/pulumi/cmd/${name}`);
  } catch {
    throw new Error(`@pulumi/pulumi was not found from ${directory}; install the dependencies first: npm ci`);
  }
}

/**
 * What the official host sets for the runner. ts-node is the SDK's default;
 * `typescript: false` leaves `.ts` to Node itself.
 */
export function runnerEnvironment(options: Options): NodeJS.ProcessEnv {
  return { ...process.env, PULUMI_NODEJS_TYPESCRIPT: String(options.typescript !== false) };
}

export const nodeArguments = (options: Options): string[] => options.nodeargs?.split(/\s+/).filter(Boolean) ?? [];

function runnerArguments(request: RunRequest, engineAddress: string): string[] {
  const flags: [string, string][] = [
    ["monitor", request.getMonitorAddress()],
    ["engine", engineAddress],
    ["organization", request.getOrganization()],
    ["project", request.getProject()],
    ["root-directory", request.getInfo()?.getRootDirectory() ?? ""],
    ["stack", request.getStack()],
    ["pwd", request.getPwd()],
    ["parallel", request.getParallel() > 0 ? String(request.getParallel()) : ""],
  ];
  const given = flags.filter(([, value]) => value !== "").flatMap(([name, value]) => [`--${name}`, value]);
  const program = request.getInfo()?.getEntryPoint() || request.getProgram() || ".";
  return [...given, ...(request.getDryrun() ? ["--dry-run"] : []), program, ...request.getArgsList()];
}

/**
 * Starts the program and waits for its end. Its output goes straight through: the engine reads this process's streams.
 */
export function runProgram(request: RunRequest, engineAddress: string): Promise<RunResponse> {
  const options = optionsOf(request.getInfo());
  const directory = request.getInfo()?.getProgramDirectory() || request.getPwd();
  const runner = resolveRunner(directory, "run");
  const config = Object.fromEntries(request.getConfigMap().getEntryList());
  const child = spawn(
    process.execPath,
    [...nodeArguments(options), runner, ...runnerArguments(request, engineAddress)],
    {
      cwd: request.getPwd() || directory,
      stdio: ["ignore", "inherit", "inherit"],
      env: {
        ...runnerEnvironment(options),
        PULUMI_CONFIG: JSON.stringify(config),
        PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
      },
    },
  );
  const stop = (): void => void child.kill("SIGTERM");
  cancelled.addEventListener("abort", stop, { once: true });
  return new Promise((resolve) => {
    const answer = (fill: (response: RunResponse) => void): void => {
      cancelled.removeEventListener("abort", stop);
      const response = new langpb.RunResponse();
      fill(response);
      resolve(response);
    };
    child.on("error", (error) => answer((response) => response.setError(`cannot start the program: ${error.message}`)));
    child.on("exit", (code, signal) =>
      answer((response) => {
        if (code === BAIL) response.setBail(true);
        else if (signal !== null) response.setError(`the program was ended by ${signal}`);
        else if (code !== 0) response.setError(`the program exited with code ${code}`);
      }),
    );
  });
}
