/** Runs a plugin that is itself a Node.js program: a policy pack, or a provider. Its output is the plugin protocol. */
import { spawn } from "node:child_process";
import langpb from "@pulumi/pulumi/proto/language_pb.js";
import type grpc from "@grpc/grpc-js";
import type { RunPluginRequest, RunPluginResponse } from "@pulumi/pulumi/proto/language_pb.js";
import { nodeArguments, optionsOf, resolveRunner, runnerEnvironment } from "./program.ts";

type Call = grpc.ServerWritableStream<RunPluginRequest, RunPluginResponse>;

const directoryOf = (request: RunPluginRequest): string =>
  request.getInfo()?.getProgramDirectory() || request.getProgram();
const isPolicyPack = (request: RunPluginRequest): boolean => /policy|analyzer/.test(request.getKind());

/** The runner takes a policy pack after the engine's address, and any other plugin's program first. */
function commandLine(request: RunPluginRequest): string[] {
  const options = optionsOf(request.getInfo());
  const directory = directoryOf(request);
  const isPolicy = isPolicyPack(request);
  const runner = resolveRunner(directory, isPolicy ? "run-policy-pack" : "run-plugin");
  const rest = isPolicy
    ? [...request.getArgsList().slice(0, 1), directory, ...request.getArgsList().slice(1)]
    : [directory, ...request.getArgsList()];
  return [...nodeArguments(options), runner, ...rest];
}

function environment(request: RunPluginRequest): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...runnerEnvironment(optionsOf(request.getInfo())) };
  for (const line of request.getEnvList()) {
    const at = line.indexOf("=");
    environment[line.slice(0, at)] = line.slice(at + 1);
  }
  return environment;
}

export function runPlugin(call: Call): void {
  let command: string[];
  try {
    command = commandLine(call.request);
  } catch (error) {
    call.emit("error", { code: 2, message: error instanceof Error ? error.message : String(error) });
    return;
  }
  // A policy pack reads its version from the package.json of its working directory.
  const cwd = isPolicyPack(call.request) ? directoryOf(call.request) : call.request.getPwd();
  const child = spawn(process.execPath, command, { cwd, env: environment(call.request) });
  const send = (fill: (response: RunPluginResponse) => void): void => {
    const response = new langpb.RunPluginResponse();
    fill(response);
    call.write(response);
  };
  child.stdout.on("data", (bytes: Buffer) => send((response) => response.setStdout(bytes)));
  child.stderr.on("data", (bytes: Buffer) => send((response) => response.setStderr(bytes)));
  // The engine ends a plugin by cancelling the stream.
  call.on("cancelled", () => void child.kill("SIGTERM"));
  child.on("error", (error) => call.emit("error", { code: 2, message: `cannot start the plugin: ${error.message}` }));
  child.on("close", (code) => {
    send((response) => response.setExitcode(code ?? 1));
    call.end();
  });
}
