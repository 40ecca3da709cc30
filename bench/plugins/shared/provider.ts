/** A resource provider on the SDK's stubs: the protocol on one side, a table of resources on the other. */
import providergrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import providerpb from "@pulumi/pulumi/proto/provider_pb.js";
import pluginpb from "@pulumi/pulumi/proto/plugin_pb.js";
import statuspb from "@pulumi/pulumi/proto/status_pb.js";
import anypb from "google-protobuf/google/protobuf/any_pb.js";
import emptypb from "google-protobuf/google/protobuf/empty_pb.js";
import grpc from "@grpc/grpc-js";
import type * as rpc from "@pulumi/pulumi/proto/provider_pb.js";
import { engineLog } from "./log.ts";
import type { Log } from "./log.ts";
import { cancel, serve, track } from "./serve.ts";
import { fromStruct, toStruct, UNKNOWN } from "./wire.ts";
import type { Props } from "./wire.ts";
import { complete } from "./table.ts";
import { changed } from "./difference.ts";
import type { Change } from "./difference.ts";
import { Unfinished } from "./resource.ts";
import type { Naming, Resource, Saved, Subject, Verdict } from "./resource.ts";

export interface ProviderArgs {
  readonly name: string;
  readonly version: string;
  readonly resources: { readonly [token: string]: Resource };
  readonly configure: (config: Props) => Promise<void>;
  readonly invoke?: (token: string, args: Props) => Promise<Props>;
}

type Handler = (call: { request: never }, callback: grpc.sendUnaryData<unknown>) => void;

/** The outputs as they go into the state. */
const stored = (resource: Resource | undefined, { id, outputs }: Saved): Props =>
  resource?.table === undefined ? outputs : { ...complete(resource.table, outputs), id };

/** The engine stores what exists and its problems only if the error carries them in this form. */
/** The bridge's way to write an error, which people know and scripts look for. */
const inBridgeForm = (resource: Resource, error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error);
  return resource.table === undefined ? message : `1 error occurred:\n\t* ${message}\n\n`;
};

/** Runs one operation of a resource; its error gets the bridge's form and, if something exists, the resource's. */
async function operate<T>(resource: Resource, verb: string, urn: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Unfinished))
      throw new Error(`${verb === "creating" ? "" : `${verb} ${urn}: `}${inBridgeForm(resource, error)}`, {
        cause: error,
      });
    const named = new Unfinished(`${verb} ${urn}: ${inBridgeForm(resource, error)}`, error.saved);
    named.resource = resource;
    throw named;
  }
}

function unfinished(error: Unfinished): Partial<grpc.StatusObject> {
  const detail = new providerpb.ErrorResourceInitFailed();
  detail.setId(error.saved.id);
  detail.setProperties(toStruct(stored(error.resource, error.saved)));
  detail.setReasonsList([error.message]);
  const any = new anypb.Any();
  any.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new statuspb.Status();
  status.setCode(grpc.status.UNKNOWN);
  status.setMessage(error.message);
  status.addDetails(any);
  const metadata = new grpc.Metadata();
  metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return { code: grpc.status.UNKNOWN, details: error.message, metadata };
}

function unary<Request, Response>(work: (request: Request) => Promise<Response> | Response): Handler {
  return (call, callback) => {
    track(Promise.resolve().then(() => work(call.request))).then(
      (response) => callback(null, response),
      (error: unknown) => {
        if (error instanceof Unfinished) return callback(unfinished(error));
        const code = error instanceof Unimplemented ? grpc.status.UNIMPLEMENTED : grpc.status.UNKNOWN;
        return callback({ code, details: error instanceof Error ? error.message : String(error) });
      },
    );
  };
}

class Unimplemented extends Error {}

const KINDS = { add: 0, delete: 2, update: 4 } as const;
/** In the protocol the replacing kind of a difference follows the plain one. */
const kindNumber = (change: Change): rpc.PropertyDiff.Kind => KINDS[change.kind] + (change.replace ? 1 : 0);

function diffResponse({ changes, deleteFirst }: Verdict): rpc.DiffResponse {
  const response = new providerpb.DiffResponse();
  const replaces = changed(changes, (change) => change.replace);
  response.setChanges(
    changes.size === 0 ? providerpb.DiffResponse.DiffChanges.DIFF_NONE : providerpb.DiffResponse.DiffChanges.DIFF_SOME,
  );
  response.setReplacesList(replaces);
  response.setDiffsList(changed(changes));
  response.setDeletebeforereplace(replaces.length > 0 && deleteFirst);
  response.setHasdetaileddiff(true);
  for (const [path, change] of changes) {
    const difference = new providerpb.PropertyDiff();
    difference.setKind(kindNumber(change));
    response.getDetaileddiffMap().set(path, difference);
  }
  return response;
}

function namingOf(request: rpc.CheckRequest): Naming | undefined {
  const options = request.getAutonaming();
  if (options === undefined) return undefined;
  const modes: readonly Naming["mode"][] = ["propose", "enforce", "disable"];
  return { mode: modes[options.getMode()] ?? "propose", proposed: options.getProposedName() };
}

export function serveProvider(args: ProviderArgs): void {
  let log: Log = engineLog(process.argv.slice(2).find((argument) => !argument.startsWith("-")));
  let announced = false;

  const announce = (): void => {
    if (announced) return;
    announced = true;
    log(
      "warning",
      `pulumi-resource-${args.name} is berth's bench STAND-IN, not Pulumi's official ${args.name} provider.`,
    );
  };
  const subject = (request: { getUrn(): string }): Subject => {
    const urn = request.getUrn();
    return {
      urn,
      name: urn.split("::").slice(3).join("::"),
      log: (message) => log("info", message, urn),
      status: (message) => log.status(message, urn),
    };
  };
  const find = (request: { getUrn(): string }): Resource => {
    const token = request.getUrn().split("::")[2]!.split("$").at(-1)!;
    const resource = args.resources[token];
    if (resource === undefined) {
      throw new Error(
        `the bench stand-in for the ${args.name} provider does not implement ${token}; ` +
          `it has ${Object.keys(args.resources).join(", ")}`,
      );
    }
    return resource;
  };

  const service = {
    handshake: unary((request: rpc.ProviderHandshakeRequest) => {
      log = engineLog(request.getEngineAddress());
      const response = new providerpb.ProviderHandshakeResponse();
      response.setSupportsAutonamingConfiguration(true);
      return response;
    }),
    attach: unary((request: { getAddress(): string }) => {
      log = engineLog(request.getAddress());
      return new emptypb.Empty();
    }),
    getPluginInfo: unary(() => {
      const info = new pluginpb.PluginInfo();
      info.setVersion(args.version);
      return info;
    }),
    checkConfig: unary((request: rpc.CheckRequest) => {
      const response = new providerpb.CheckResponse();
      response.setInputs(request.getNews());
      return response;
    }),
    diffConfig: unary(() => new providerpb.DiffResponse()),
    configure: unary(async (request: rpc.ConfigureRequest) => {
      announce();
      await args.configure(fromStruct(request.getArgs()));
      const response = new providerpb.ConfigureResponse();
      // Like the bridge, this provider does not take wrapped secrets: the engine unwraps the inputs, and marks every
      // output secret whose input of the same name held one. That is why one
      // secret element hides its whole array (2.10).
      response.setAcceptsecrets(false);
      response.setSupportspreview(true);
      response.setSupportsAutonamingConfiguration(true);
      return response;
    }),
    check: unary(async (request: rpc.CheckRequest) => {
      const [olds, news] = [fromStruct(request.getOlds()), fromStruct(request.getNews())];
      const { inputs, failures } = await find(request).check({
        ...subject(request),
        olds,
        news,
        naming: namingOf(request),
      });
      const response = new providerpb.CheckResponse();
      response.setInputs(toStruct(inputs));
      for (const { property, reason } of failures) {
        const failure = new providerpb.CheckFailure();
        failure.setProperty(property);
        failure.setReason(reason);
        response.addFailures(failure);
      }
      return response;
    }),
    diff: unary((request: rpc.DiffRequest) => {
      const [olds, news] = [fromStruct(request.getOlds()), fromStruct(request.getNews())];
      const oldInputs = fromStruct(request.getOldInputs());
      return diffResponse(find(request).diff({ olds, oldInputs, news, ignored: request.getIgnorechangesList() }));
    }),
    create: unary(async (request: rpc.CreateRequest) => {
      const inputs = fromStruct(request.getProperties());
      const [resource, preview] = [find(request), request.getPreview()];
      const saved = await operate(resource, "creating", request.getUrn(), () =>
        resource.create({ ...subject(request), inputs, preview }),
      );
      const response = new providerpb.CreateResponse();
      response.setId(saved.id);
      response.setProperties(toStruct(stored(resource, preview && resource.table ? { ...saved, id: UNKNOWN } : saved)));
      return response;
    }),
    read: unary(async (request: rpc.ReadRequest) => {
      const [inputs, outputs] = [fromStruct(request.getInputs()), fromStruct(request.getProperties())];
      const resource = find(request);
      const found = await resource.read({ ...subject(request), id: request.getId(), inputs, outputs });
      const response = new providerpb.ReadResponse();
      if (found === undefined) return response;
      response.setId(found.id);
      response.setProperties(toStruct(stored(resource, found)));
      response.setInputs(toStruct(found.inputs));
      return response;
    }),
    update: unary(async (request: rpc.UpdateRequest) => {
      const resource = find(request);
      const [olds, inputs] = [fromStruct(request.getOlds()), fromStruct(request.getNews())];
      const oldInputs = fromStruct(request.getOldInputs());
      const { changes } = resource.diff({ olds, oldInputs, news: inputs, ignored: request.getIgnorechangesList() });
      const update = resource.update?.bind(resource);
      if (update === undefined) throw new Error("doesn't support update");
      const outputs = await operate(resource, "updating", request.getUrn(), () =>
        update({ ...subject(request), id: request.getId(), olds, inputs, changes, preview: request.getPreview() }),
      );
      const response = new providerpb.UpdateResponse();
      const saved = { id: request.getId(), outputs };
      response.setProperties(toStruct(stored(resource, saved)));
      return response;
    }),
    delete: unary(async (request: rpc.DeleteRequest) => {
      const resource = find(request);
      await operate(resource, "deleting", request.getUrn(), () =>
        resource.delete({ ...subject(request), id: request.getId(), outputs: fromStruct(request.getProperties()) }),
      );
      return new emptypb.Empty();
    }),
    invoke: unary(async (request: rpc.InvokeRequest) => {
      if (args.invoke === undefined)
        throw new Unimplemented(`the bench stand-in does not implement ${request.getTok()}`);
      const response = new providerpb.InvokeResponse();
      response.setReturn(toStruct(await args.invoke(request.getTok(), fromStruct(request.getArgs()))));
      return response;
    }),
    cancel: unary(() => {
      cancel();
      return new emptypb.Empty();
    }),
  };
  serve((server) =>
    server.addService(providergrpc.ResourceProviderService, service as unknown as grpc.UntypedServiceImplementation),
  );
}
