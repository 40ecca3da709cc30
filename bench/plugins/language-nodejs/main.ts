/**
 * A stand-in for Pulumi's Node.js language host, for networks where the official one cannot be had (bench only).
 * It speaks the LanguageRuntime protocol on the npm SDK's own stubs and runs programs with the SDK's own runner.
 */
import langgrpc from "@pulumi/pulumi/proto/language_grpc_pb.js";
import langpb from "@pulumi/pulumi/proto/language_pb.js";
import pluginpb from "@pulumi/pulumi/proto/plugin_pb.js";
import emptypb from "google-protobuf/google/protobuf/empty_pb.js";
import type grpc from "@grpc/grpc-js";
import type * as lang from "@pulumi/pulumi/proto/language_pb.js";
import { serve, track } from "../shared/serve.ts";
import { runProgram } from "./program.ts";
import { about, installDependencies, programDependencies } from "./project.ts";
import { runPlugin } from "./plugin.ts";

type Unary<Request, Response> = (call: { request: Request }, callback: grpc.sendUnaryData<Response>) => void;

/** Turns a promise into a unary call: a thrown error becomes the call's error, never a dead host. */
function unary<Request, Response>(work: (request: Request) => Promise<Response> | Response): Unary<Request, Response> {
  return (call, callback) => {
    track(Promise.resolve().then(() => work(call.request))).then(
      (response) => callback(null, response),
      (error: unknown) => callback({ code: 2, message: error instanceof Error ? error.message : String(error) }),
    );
  };
}

/** The engine's address: handed over in the handshake, and on the command line by older engines. */
let engineAddress = process.argv.slice(2).find((argument) => !argument.startsWith("-")) ?? "";

const info = (): InstanceType<typeof pluginpb.PluginInfo> => {
  const plugin = new pluginpb.PluginInfo();
  plugin.setVersion("3.259.0");
  return plugin;
};

const service = {
  handshake: unary((request: lang.LanguageHandshakeRequest) => {
    engineAddress = request.getEngineAddress() || engineAddress;
    return new langpb.LanguageHandshakeResponse();
  }),
  getPluginInfo: unary(info),
  // Nothing is required: the CLI would otherwise try to download what only PATH has here.
  getRequiredPackages: unary(() => new langpb.GetRequiredPackagesResponse()),
  getRequiredPlugins: unary(() => new langpb.GetRequiredPluginsResponse()),
  run: unary((request: lang.RunRequest) => runProgram(request, engineAddress)),
  runPlugin: (call: grpc.ServerWritableStream<lang.RunPluginRequest, lang.RunPluginResponse>) => void runPlugin(call),
  installDependencies: (
    call: grpc.ServerWritableStream<lang.InstallDependenciesRequest, lang.InstallDependenciesResponse>,
  ) => void installDependencies(call),
  getProgramDependencies: unary(programDependencies),
  about: unary(about),
  runtimeOptionsPrompts: unary(() => new langpb.RuntimeOptionsResponse()),
  template: unary(() => new langpb.TemplateResponse()),
  cancel: unary(() => new emptypb.Empty()),
};

// Code generation, packing and linking are no part of running a program: those calls stay unimplemented.
serve((server) => server.addService(langgrpc.LanguageRuntimeService, service));
