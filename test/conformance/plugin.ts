/**
 * Talks to a provider plugin as the engine does, without the CLI around it: a hundred times faster than a program, and
 * the same for the stand-in and for the real provider.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before } from "mocha";
import grpc from "@grpc/grpc-js";
import enginegrpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import providergrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import providerpb from "@pulumi/pulumi/proto/provider_pb.js";
import statuspb from "@pulumi/pulumi/proto/status_pb.js";
import emptypb from "google-protobuf/google/protobuf/empty_pb.js";
import structpb from "google-protobuf/google/protobuf/struct_pb.js";
import type { LogRequest } from "@pulumi/pulumi/proto/engine_pb.js";
import type * as rpc from "@pulumi/pulumi/proto/provider_pb.js";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import { pluginPath, sweep } from "./support.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Props = { [key: string]: Json };

/** What the engine writes for a value that is not known before the update. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
export const SECRET_KEY = "4dabf18193072939515e22adb298388d";

/** A value as text; an object, which should not be there, as JSON. */
export const str = (value: unknown): string =>
  typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);

const KINDS = ["add", "add-replace", "delete", "delete-replace", "update", "update-replace"] as const;

export interface Diff {
  /** What the engine would do. */
  readonly verdict: "none" | "update" | "replace";
  readonly replaces: readonly string[];
  readonly deleteFirst: boolean;
  readonly detail: { readonly [path: string]: (typeof KINDS)[number] };
}

export interface Made {
  readonly id: string;
  readonly inputs: Props;
  readonly outputs: Props;
}

/** A create that left an object behind which is not finished. */
export class Unfinished extends Error {
  readonly made: Made;
  constructor(message: string, made: Made) {
    super(message);
    this.made = made;
  }
}

const struct = (props: object): Struct => structpb.Struct.fromJavaScript(JSON.parse(JSON.stringify(props)) as never);
const plain = (value: Struct | undefined): Props => value?.toJavaScript() ?? {};

export class Plugin {
  /** Every message that the plugin sent to the engine. */
  readonly messages: string[] = [];
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #engine: grpc.Server;
  #client!: InstanceType<typeof providergrpc.ResourceProviderClient>;

  private constructor(name: string, process: ChildProcess, engine: grpc.Server) {
    this.#name = name;
    this.#process = process;
    this.#engine = engine;
  }

  static async start(name: "docker" | "random", config: Props = {}): Promise<Plugin> {
    const messages: string[] = [];
    const engine = new grpc.Server();
    const log = (call: { request: LogRequest }, callback: grpc.sendUnaryData<unknown>): void => {
      messages.push(call.request.getMessage());
      callback(null, new emptypb.Empty());
    };
    engine.addService(enginegrpc.EngineService, { log });
    const port = await new Promise<number>((resolve, reject) =>
      engine.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    const file = pluginPath.map((folder) => join(folder, `pulumi-resource-${name}`)).find((path) => existsSync(path));
    if (file === undefined) throw new Error(`no pulumi-resource-${name} in ${pluginPath.join(", ")}`);
    const child = spawn(file, [`127.0.0.1:${port}`], { stdio: ["ignore", "pipe", "inherit"] });
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.once("data", (bytes: Buffer) => resolve(bytes.toString("utf8")));
      child.once("exit", (code) => reject(new Error(`${file} ended with ${code} before it gave its port`)));
    });
    const plugin = new Plugin(name, child, engine);
    Object.assign(plugin, { messages });
    plugin.#client = new providergrpc.ResourceProviderClient(
      `127.0.0.1:${line.trim()}`,
      grpc.credentials.createInsecure(),
    );
    await plugin.#configure(config);
    return plugin;
  }

  stop(): void {
    this.#client.close();
    this.#engine.forceShutdown();
    this.#process.kill("SIGTERM");
  }

  #call<Request, Response>(method: string, request: Request): Promise<Response> {
    const client = this.#client as unknown as Record<
      string,
      (request: Request, callback: (error: grpc.ServiceError | null, response: Response) => void) => void
    >;
    return new Promise((resolve, reject) =>
      client[method]!(request, (error, response) => (error ? reject(error) : resolve(response))),
    );
  }

  async #configure(config: Props): Promise<void> {
    const request = new providerpb.ConfigureRequest();
    request.setArgs(struct(config));
    for (const [key, value] of Object.entries(config))
      request.getVariablesMap().set(`${this.#name}:config:${key}`, str(value));
    request.setAcceptsecrets(true);
    request.setAcceptresources(true);
    request.setSendsOldInputs(true);
    request.setSendsOldInputsToDelete(true);
    await this.#call("configure", request);
  }

  #urn(type: string, name: string): string {
    const token = `${this.#name}:index/${type[0]!.toLowerCase()}${type.slice(1)}:${type}`;
    return `urn:pulumi:conformance::conformance::${token}::${name}`;
  }

  async check(type: string, name: string, news: Props, olds?: Props): Promise<Props> {
    const request = new providerpb.CheckRequest();
    request.setUrn(this.#urn(type, name));
    request.setName(name);
    request.setNews(struct(news));
    if (olds !== undefined) request.setOlds(struct(olds));
    request.setRandomseed(crypto.getRandomValues(new Uint8Array(32)));
    const response = await this.#call<unknown, rpc.CheckResponse>("check", request);
    const failures = response.getFailuresList().map((failure) => failure.getReason());
    if (failures.length > 0) throw new Error(failures.join("\n"));
    return plain(response.getInputs());
  }

  /** Compares what was made with new inputs, as the next `up` would. */
  async diff(type: string, made: Made, news: Props): Promise<Diff> {
    const inputs = await this.check(type, "subject", news, made.inputs);
    const request = new providerpb.DiffRequest();
    request.setId(made.id);
    request.setUrn(this.#urn(type, "subject"));
    request.setOlds(struct(made.outputs));
    request.setOldInputs(struct(made.inputs));
    request.setNews(struct(inputs));
    const response = await this.#call<unknown, rpc.DiffResponse>("diff", request);
    const replaces = response.getReplacesList();
    const some = response.getChanges() === providerpb.DiffResponse.DiffChanges.DIFF_SOME;
    const detail = Object.fromEntries(
      response
        .getDetaileddiffMap()
        .getEntryList()
        .map(([path]) => [path, KINDS[response.getDetaileddiffMap().get(path)!.getKind()]]),
    );
    return {
      verdict: replaces.length > 0 ? "replace" : some ? "update" : "none",
      replaces,
      deleteFirst: response.getDeletebeforereplace(),
      detail,
    };
  }

  async create(type: string, news: Props, { name = "subject", preview = false } = {}): Promise<Made> {
    const inputs = await this.check(type, name, news);
    const request = new providerpb.CreateRequest();
    request.setUrn(this.#urn(type, name));
    request.setProperties(struct(inputs));
    request.setPreview(preview);
    request.setTimeout(0);
    try {
      const response = await this.#call<unknown, rpc.CreateResponse>("create", request);
      return { id: response.getId(), inputs, outputs: plain(response.getProperties()) };
    } catch (error) {
      throw unfinished(error as grpc.ServiceError, inputs);
    }
  }

  /** Calls a function of the provider. */
  async invoke(name: string, args: Props): Promise<Props> {
    const request = new providerpb.InvokeRequest();
    request.setTok(`${this.#name}:index/${name}:${name}`);
    request.setArgs(struct(args));
    const response = await this.#call<unknown, rpc.InvokeResponse>("invoke", request);
    const failures = response.getFailuresList().map((failure) => failure.getReason());
    if (failures.length > 0) throw new Error(failures.join("\n"));
    return plain(response.getReturn());
  }

  /** What a refresh finds; nothing, when the object is gone. */
  async read(type: string, made: Made): Promise<Made | undefined> {
    const request = new providerpb.ReadRequest();
    request.setId(made.id);
    request.setUrn(this.#urn(type, "subject"));
    request.setProperties(struct(made.outputs));
    request.setInputs(struct(made.inputs));
    const response = await this.#call<unknown, rpc.ReadResponse>("read", request);
    if (response.getId() === "") return undefined;
    return { id: response.getId(), inputs: plain(response.getInputs()), outputs: plain(response.getProperties()) };
  }

  async update(type: string, made: Made, news: Props, preview = false): Promise<Made> {
    const inputs = await this.check(type, "subject", news, made.inputs);
    const request = new providerpb.UpdateRequest();
    request.setId(made.id);
    request.setUrn(this.#urn(type, "subject"));
    request.setOlds(struct(made.outputs));
    request.setOldInputs(struct(made.inputs));
    request.setNews(struct(inputs));
    request.setPreview(preview);
    const response = await this.#call<unknown, rpc.UpdateResponse>("update", request).catch(
      (error: grpc.ServiceError) => Promise.reject(unfinished(error, inputs)),
    );
    return { id: made.id, inputs, outputs: plain(response.getProperties()) };
  }

  async remove(type: string, made: Made): Promise<void> {
    const request = new providerpb.DeleteRequest();
    request.setId(made.id);
    request.setUrn(this.#urn(type, "subject"));
    request.setProperties(struct(made.outputs));
    request.setOldInputs(struct(made.inputs));
    await this.#call("delete", request);
  }
}

/** The engine stores an object with its problems when the error carries it in its details. */
function unfinished(error: grpc.ServiceError, inputs: Props): Error {
  const [raw] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (raw === undefined) return error;
  const detail = statuspb.Status.deserializeBinary(raw as Buffer)
    .getDetailsList()
    .find((any) => any.getTypeName() === "pulumirpc.ErrorResourceInitFailed");
  const failed = detail && providerpb.ErrorResourceInitFailed.deserializeBinary(detail.getValue_asU8());
  return failed === undefined
    ? error
    : new Unfinished(failed.getReasonsList().join("\n"), {
        id: failed.getId(),
        inputs,
        outputs: plain(failed.getProperties()),
      });
}

/**
 * Starts a plugin before the tests of the suite that calls, and stops it after them. What such tests left is removed
 * before and after. @param take Is handed the plugin.
 */
export function usePlugin(name: "docker" | "random", take: (plugin: Plugin) => void, config: Props = {}): void {
  let plugin: Plugin;
  before(async () => {
    await sweep();
    plugin = await Plugin.start(name, config);
    take(plugin);
  });
  after(async () => {
    plugin.stop();
    await sweep();
  });
}
