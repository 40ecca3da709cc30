/** The create sequence (3.3): image, container, networks, uploads, start, health, end, and a last look. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { cancelled } from "../../shared/serve.ts";
import { Unfinished } from "../../shared/resource.ts";
import type { Saved, Subject } from "../../shared/resource.ts";
import { bare } from "../../shared/table.ts";
import { isObject, str } from "../../shared/wire.ts";
import type { Json, Props } from "../../shared/wire.ts";
import { collect, demultiplex, said } from "../engine.ts";
import { docker, speaks } from "../host.ts";
import { requireImage } from "../images.ts";
import { settle, settleCreated } from "../settle.ts";
import { tarOf } from "../tar.ts";
import { createRequest, endpoint } from "./request.ts";
import { outputsOf } from "./state.ts";
import type { Inspection } from "./state.ts";
import { table } from "./table.ts";

const rows = (value: Json | undefined): Props[] => (Array.isArray(value) ? value.filter(isObject) : []);
const because = (what: string) => (error: unknown) =>
  Promise.reject(new Error(`${what}: ${error instanceof Error ? error.message : str(error)}`));

async function connect(id: string, networks: Props[]): Promise<void> {
  if (networks.length === 0) return;
  await docker()
    .call("POST", "/networks/bridge/disconnect", { body: { Container: id, Force: false } })
    .catch((error: unknown) => {
      if (!said(error, "is not connected to the network bridge", "is not connected to network bridge")) {
        return because("Unable to disconnect the default network")(error);
      }
      return undefined;
    });
  for (const row of networks) {
    const name = str(row["name"]);
    await docker()
      .call("POST", `/networks/${encodeURIComponent(name)}/connect`, {
        body: { Container: id, EndpointConfig: endpoint(row) },
      })
      .catch(because(`Unable to connect to network '${name}'`));
  }
}

function contentOf({ content, contentBase64, source }: Props): Buffer {
  const given = [content, contentBase64, source].filter(Boolean).length;
  if (given === 0)
    throw new Error("error with upload content: one of 'content', 'content_base64', or 'source' must be set");
  if (given > 1)
    throw new Error("error with upload content: only one of 'content', 'content_base64', or 'source' can be set");
  if (content) return Buffer.from(str(content), "utf8");
  return contentBase64 ? Buffer.from(str(contentBase64), "base64") : readFileSync(str(source));
}

/**
 * One archive per file, at the root. The engine refuses it where the root is
 * read-only, even for a path on a volume (A3).
 */
async function upload(id: string, row: Props): Promise<void> {
  const mode = row["permissions"] ? Number.parseInt(str(row["permissions"]), 8) : row["executable"] ? 0o744 : 0o644;
  const tar = tarOf(str(row["file"]), mode, contentOf(row));
  await docker()
    .call("PUT", `/containers/${id}/archive`, { query: { path: "/" }, tar })
    .catch(because("Unable to upload volume content"));
}

const inspect = (id: string): Promise<Inspection | undefined> => docker().find<Inspection>(`/containers/${id}/json`);

/** Healthy, or the end of the patience. Unhealthy or exited is waited for as well: a restart may mend it. */
async function healthy(id: string, seconds: number): Promise<void> {
  for (const deadline = Date.now() + seconds * 1_000; ; await sleep(1_000)) {
    const found = await inspect(id);
    if (found?.State.Health === undefined) {
      throw new Error(
        "you have supplied a 'wait' argument, but the container does not have a healthcheck defined. " +
          "Please remove the 'wait' argument or add a 'healthcheck' attribute",
      );
    }
    if (found.State.Health.Status === "healthy") return;
    if (cancelled.aborted) throw new Error("cancelled while waiting for the container to become healthy");
    if (Date.now() + 1_000 > deadline) {
      await sleep(Math.max(0, deadline - Date.now()));
      throw new Error("container failed to be in healthy state");
    }
  }
}

/**
 * Waits for the end. A non-zero exit is no failure (A7); the output goes to the state only where `logs` asks for it.
 */
async function attached(id: string, inputs: Props): Promise<Props> {
  const logs =
    inputs["logs"] === true
      ? docker()
          .open("GET", `/containers/${id}/logs`, {
            query: { stdout: true, stderr: true, follow: true },
            signal: cancelled,
          })
          .then(collect)
      : undefined;
  await docker()
    .call("POST", `/containers/${id}/wait`, { query: { condition: "not-running" }, signal: cancelled })
    .catch(because("Unable to wait container end of execution"));
  if (logs === undefined) return {};
  const raw = await logs;
  return { containerLogs: inputs["tty"] === true ? raw.toString("utf8") : demultiplex(raw) };
}

async function bringUp(id: string, inputs: Props): Promise<Props> {
  await connect(id, rows(inputs["networksAdvanced"]));
  for (const row of rows(inputs["uploads"])) await upload(id, row);
  if (inputs["start"] !== false) {
    await docker().call("POST", `/containers/${id}/start`).catch(because("Unable to start container"));
    if (inputs["wait"] === true) await healthy(id, Number(inputs["waitTimeout"] ?? 60));
  }
  return inputs["attach"] === true ? attached(id, inputs) : {};
}

/** The state of a container, or nothing when it is gone. */
export async function look(id: string, before: Props): Promise<Saved | undefined> {
  const found = await inspect(id);
  return found && { id: found.Id, outputs: settle(table, before, outputsOf(found, before)) };
}

export async function createContainer(args: Subject & { inputs: Props }): Promise<Saved> {
  const { inputs } = args;
  const wanted = bare(inputs) as Props;
  // The real provider's own check: it refuses every volumeOptions on an older engine, used or not (3.7).
  if (rows(inputs["mounts"]).some((row) => row["type"] === "volume" && isObject(row["volumeOptions"])) && !speaks(45)) {
    throw new Error("Setting VolumeOptions.Subpath requires docker version 1.45 or higher");
  }
  const image = await requireImage(str(inputs["image"]), args);
  const { Id } = await docker()
    .call<{ Id: string }>("POST", "/containers/create", {
      query: { name: str(inputs["name"]), platform: inputs["platform"] as string | undefined },
      body: createRequest(wanted, image),
    })
    .catch(because("Unable to create container"));
  try {
    const more = await bringUp(Id, wanted);
    const found = await inspect(Id);
    if (found === undefined) throw new Error("expected non-nil error with nil state during Create");
    const before = { ...wanted, ...more };
    return { id: Id, outputs: settleCreated(table, before, outputsOf(found, before)) };
  } catch (error) {
    // From here on the container exists: it is stored with its problem, not forgotten (2.6).
    throw new Unfinished(error instanceof Error ? error.message : str(error), { id: Id, outputs: wanted });
  }
}
