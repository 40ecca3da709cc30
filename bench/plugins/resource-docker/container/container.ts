/** docker:index/container:Container. */
import { applied, autoname, planned, refreshed, Unfinished } from "../../shared/resource.ts";
import type { Resource } from "../../shared/resource.ts";
import { changed, difference } from "../../shared/difference.ts";
import type { Changes } from "../../shared/difference.ts";
import { check } from "../../shared/table.ts";
import { isObject, str } from "../../shared/wire.ts";
import type { Props } from "../../shared/wire.ts";
import { said } from "../engine.ts";
import { docker } from "../host.ts";
import { createContainer, look } from "./create.ts";
import { resources, restartPolicy } from "./request.ts";
import { table, unsupported } from "./table.ts";

/**
 * The only properties that an update really applies. The others of those that do
 * not replace change the state alone (3.1).
 */
const APPLIED: ReadonlySet<string> = new Set([
  "restart",
  "maxRetryCount",
  "cpuShares",
  "memory",
  "memoryReservation",
  "cpuSet",
  "memorySwap",
  "deviceReadBps",
  "deviceReadIops",
  "deviceWriteBps",
  "deviceWriteIops",
]);

async function apply(id: string, inputs: Props, olds: Props, changes: Changes): Promise<void> {
  if (olds["mustRun"] === false && inputs["mustRun"] === true && inputs["start"] !== false) {
    await docker().call("POST", `/containers/${id}/start`);
  }
  if (!changed(changes).some((name) => APPLIED.has(name))) return;
  // Zero values mean "leave as it is" to the engine: a limit cannot be taken off in place.
  await docker()
    .call("POST", `/containers/${id}/update`, { body: { ...resources(inputs), RestartPolicy: restartPolicy(inputs) } })
    .catch((error: Error) => Promise.reject(new Error(`Unable to update a container: ${error.message}`)));
}

export const container: Resource = {
  table,
  check(args) {
    const { inputs, failures } = check(table, args.news);
    const named = autoname(inputs, args);
    return { inputs: named.inputs, failures: [...unsupported(args.news), ...failures, ...named.failures] };
  },
  // Deleted first by default, even with an automatic name (A1).
  diff: ({ olds, news, ignored }) => ({ changes: difference(table, olds, news, ignored), deleteFirst: true }),
  create: async (args) => (args.preview ? { id: "", outputs: planned(table, args.inputs) } : createContainer(args)),
  async read({ id, inputs, outputs }) {
    const found = await look(id, outputs);
    return found && { ...found, inputs: refreshed(inputs, found.outputs, difference(table, found.outputs, inputs)) };
  },
  async update({ id, olds, inputs, changes, preview }) {
    const plan = planned(table, inputs, olds);
    if (preview) return plan;
    try {
      await apply(id, inputs, olds, changes);
    } catch (error) {
      // Even a failed update stores what was planned, with the problem.
      throw new Unfinished(error instanceof Error ? error.message : str(error), { id, outputs: applied(plan) });
    }
    return applied(plan);
  },
  async delete({ id, outputs }) {
    const gone = (error: unknown): void => {
      if (!said(error, "No such container", "is already in progress")) throw error;
    };
    if (outputs["attach"] !== true) {
      // No grace means none at all: SIGTERM and SIGKILL in the same moment,
      // whatever the container's own timeout says (A9).
      await docker()
        .call("POST", `/containers/${id}/stop`, { query: { t: Number(outputs["destroyGraceSeconds"] ?? 0) } })
        .catch(gone);
    }
    await docker()
      .call("DELETE", `/containers/${id}`, { query: { v: outputs["removeVolumes"] !== false, force: true } })
      .catch(gone);
    const condition = outputs["rm"] === true ? "removed" : "not-running";
    const ended = await docker().call("POST", `/containers/${id}/wait`, { query: { condition } }).catch(gone);
    if (isObject(ended ?? undefined) && isObject((ended as Props)["Error"]))
      throw new Error(`Error waiting for container removal '${id}'`);
  },
};
