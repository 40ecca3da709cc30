/** Messages to the person in front of the CLI, through the engine. */
import enginegrpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import enginepb from "@pulumi/pulumi/proto/engine_pb.js";
import { clientOptions, insecure } from "./serve.ts";

export type Severity = "debug" | "info" | "warning" | "error";

/** `status` messages only live in the progress display; the others stay in the diagnostics of the run. */
export interface Log {
  (severity: Severity, message: string, urn?: string): void;
  status(message: string, urn: string): void;
}

export function engineLog(address: string | undefined): Log {
  if (address === undefined || address === "") {
    return Object.assign(() => undefined, { status: () => undefined });
  }
  const client = new enginegrpc.EngineClient(address, insecure(), clientOptions);
  const send = (severity: Severity, message: string, urn: string, ephemeral: boolean): void => {
    const request = new enginepb.LogRequest();
    const level = severity.toUpperCase() as "DEBUG" | "INFO" | "WARNING" | "ERROR";
    request.setSeverity(enginepb.LogSeverity[level]);
    request.setMessage(message);
    request.setUrn(urn);
    request.setEphemeral(ephemeral);
    // A lost message must never fail the operation that it is about.
    client.log(request, () => undefined);
  };
  return Object.assign((severity: Severity, message: string, urn = "") => send(severity, message, urn, false), {
    status: (message: string, urn: string) => send("info", message, urn, true),
  });
}
